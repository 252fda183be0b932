# One word for each thing a developer does. Recipes stay one line: what needs more is a script.
SHELL := bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help
run := . tools/env.sh; tools/bootstrap.sh;
jest := node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js $(only) --selectProjects

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## the main job in this terminal: allowed, masked, denied, approved, and the verified timeline
	@tools/demo.sh

.PHONY: test
test: ## everything a change must pass, from lint to journeys on a real cluster
	@tools/test.sh

.PHONY: build
build: ## bundle the programs into dist/
	@$(run) node tools/build.ts

.PHONY: lint
lint: ## formatting, lint, types, generated files
	@$(run) pnpm --silent format:check; pnpm --silent lint; pnpm --silent types; pnpm --silent generate:check

.PHONY: unit
unit: ## pure tests, less than a minute; only="pattern" runs some
	@$(run) $(jest) unit

.PHONY: integration
integration: ## tests with real servers on this machine; only="pattern" runs some
	@$(run) tools/apt.sh integration; e2e/cluster/build.sh; $(jest) integration

.PHONY: vectors
vectors: ## every way out that is tried, by group, with the number of its tests
	@$(run) tools/apt.sh integration; e2e/cluster/build.sh; node tools/vectors/print-vectors.ts

.PHONY: mutation
mutation: ## take guard and admission policies apart, piece by piece, and print who notices; needs root
	@$(run) tools/apt.sh integration; e2e/cluster/build.sh; node tools/vectors/print-mutations.ts

.PHONY: e2e
e2e: e2e-up ## journeys on the cluster, which stays up; only="pattern" runs some
	@$(run) eval "$$(e2e/cluster/cluster.sh env)"; $(jest) e2e --passWithNoTests --maxWorkers=2; $(jest) e2e-alone --passWithNoTests --runInBand

.PHONY: e2e-up
e2e-up: ## a cluster with Chaperone installed, to play with; says what to type next
	@tools/e2e-up.sh

.PHONY: e2e-down
e2e-down: ## end the e2e cluster
	@e2e/cluster/cluster.sh down

.PHONY: bench
bench: build ## the sidecar beside its peers, some 20 minutes on two quiet cores; only="row" runs some
	@$(run) bench/install.sh; node bench/main.ts $(only)

.PHONY: images
images: build ## build the two images into the cache, as docker-archives; arch=arm64 or arch=amd64 for another machine's
	@$(run) images/build.sh $(if $(arch),--arch $(arch))

.PHONY: images-e2e
images-e2e: build
	@$(run) images/build.sh $$(images/build.sh --list)

.PHONY: generate
generate: ## write what is made from sources: CRDs, reference, the chart's copy of the guard's rules
	@$(run) pnpm --silent generate

.PHONY: clean
clean: ## remove what was built here; the cache outside stays
	@rm -rf dist coverage node_modules/.cache
