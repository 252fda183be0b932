#!/usr/bin/env bash
# Everything a change must pass, from a bare checkout to journeys on a real cluster. Goes on after a failed step, so that one run
# shows all that is wrong. The last line is `N passed, N failed` over all tests; the exit code also counts the steps.
#   E2E_KUBECONFIG=…   run the journeys on that cluster, which has the images, instead of starting one; coding-agents then fails, as it gives
#                      the vendors' names an address in the DNS of our own
set -uo pipefail
. "$(dirname "$0")/env.sh"
cd "$CHAPERONE_ROOT"

cluster=e2e/cluster/cluster.sh
results=$(mktemp -d)
failed_steps=() jest_runs=() started_cluster=

leave() {
  [ -z "$started_cluster" ] || "$cluster" down
  rm -rf "$results"
}
trap leave EXIT
trap 'exit 130' INT TERM

# step NAME COMMAND...
step() {
  local name=$1 before=$SECONDS
  shift
  printf '==> %s\n' "$name"
  if "$@"; then
    printf '    %s: ok, %d s\n' "$name" $((SECONDS - before))
  else
    printf '    %s: FAILED, %d s\n' "$name" $((SECONDS - before))
    failed_steps+=("$name")
    return 1
  fi
}

# jest PROJECT FLAG...
jest() {
  jest_runs+=("$results/$1.json")
  node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js --selectProjects "$1" --ci "${@:2}" \
    --json --outputFile="$results/$1.json" >/dev/null
}

# The linter beside the others, which take about as long together.
check_sources() {
  local linter others=0
  pnpm --silent lint &
  linter=$!
  for check in format:check types generate:check; do pnpm --silent "$check" || others=1; done
  wait "$linter" && [ "$others" = 0 ]
}

sources_checked() {
  local code=0
  wait "$sources" || code=$?
  cat "$results/sources.log"
  return "$code"
}

install_programs() { tools/apt.sh integration && e2e/cluster/build.sh; }
build_images() { "$CHAPERONE_ROOT"/images/build.sh $("$CHAPERONE_ROOT"/images/build.sh --list); }

# Leaves a cluster that was up before, as a developer's is, running afterwards.
start_cluster() {
  "$cluster" status >/dev/null 2>&1 || started_cluster=yes
  "$cluster" up $(images/build.sh --list | sed "s|.*|$CHAPERONE_CACHE/images/&.tar|") || return
  eval "$("$cluster" env)"
}

use_cluster() { if [ -n "${E2E_KUBECONFIG:-}" ]; then export KUBECONFIG=$E2E_KUBECONFIG; else start_cluster; fi; }

# A test file that could not even be run, and a run that left no result, count as one failed test each.
print_total() {
  node -e '
    const { readFileSync } = require("node:fs")
    let passed = 0, failed = 0
    for (const path of process.argv.slice(1)) {
      try {
        const run = JSON.parse(readFileSync(path, "utf8"))
        passed += run.numPassedTests
        failed += run.numFailedTests + run.numRuntimeErrorTestSuites
      } catch { failed += 1 }
    }
    console.log(`${passed} passed, ${failed} failed`)' "$@"
}

step bootstrap tools/bootstrap.sh || exit 1
# Beside all that follows, with the processor time that it leaves.
check_sources >"$results/sources.log" 2>&1 &
sources=$!
renice -n 19 -p "$sources" >/dev/null
step unit jest unit --randomize --maxWorkers=2
# Integration tests start an API server, and the collector goes into an image.
step programs install_programs
step vectors node tools/vectors/print-vectors.ts
step integration jest integration --maxWorkers=2
step build node tools/build.ts && step images build_images && step cluster use_cluster &&
  { step journeys jest e2e --maxWorkers=2; step 'journeys alone' jest e2e-alone --runInBand; }
step sources sources_checked

[ ${#failed_steps[@]} -eq 0 ] || printf 'failed steps: %s\n' "${failed_steps[*]}"
print_total "${jest_runs[@]}"
[ ${#failed_steps[@]} -eq 0 ]
