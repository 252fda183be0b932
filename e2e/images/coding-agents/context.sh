#!/usr/bin/env bash
# Fetches what the image takes into the folder given: on the machine, whose package managers know the way to their registries,
# as those in a build may not. Versions are those of package-lock.json, python.txt and azure.txt beside this script.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../tools/env.sh"
out=$1
case $(uname -m) in x86_64) cpu=x64 ;; aarch64) cpu=arm64 ;; *) fail "$(uname -m): expected x86_64 or aarch64" ;; esac

"$CHAPERONE_ROOT/tools/apt.sh" coding-agents
rm -rf "$out" && mkdir -p "$out/bin" && cp "$here"/package*.json "$out"
# Not `npm ci`, and no scripts: see tools/bootstrap.sh.
(cd "$out" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
# Nobody talks to Codex here; of OpenCode's two programs for a PC the one for older processors runs on all.
rm -rf "$out"/node_modules/@openai/codex-linux-*/vendor/*/codex-resources/voice
opencode=opencode-linux-$cpu
[ ! -d "$out/node_modules/$opencode-baseline" ] || { rm -rf "$out/node_modules/$opencode"; opencode=$opencode-baseline; }
# What scripts of theirs, which did not run, would do.
ln -s "../node_modules/@anthropic-ai/claude-code-linux-$cpu/claude" "$out/bin/claude"
ln -s "../node_modules/$opencode/bin/opencode" "$out/bin/opencode"

# For the Python of the image, whatever this machine's is. Complete lists, so that nothing is resolved: the Azure CLI wants the
# libraries of two hundred services, of which `az rest` and `az version` need none.
pip_install() {
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-compile --only-binary=:all: \
    --python-version 3.11 --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" --target "$out/$1" -r "$here/$1.txt"
}
pip_install python
pip_install azure
# Commands of those services.
find "$out/azure/azure/cli/command_modules" -mindepth 1 -maxdepth 1 -type d \
  ! -name util ! -name profile ! -name cloud ! -name config ! -name configure ! -name resource -exec rm -rf {} +
rm -rf "$out/python/awscli/examples"

launcher() { printf '#!/bin/sh\n%s\n' "$2" >"$out/bin/$1" && chmod +x "$out/bin/$1"; }
launcher aws 'PYTHONPATH=/opt/clients/python exec python3 -m awscli "$@"'
launcher az 'PYTHONPATH=/opt/clients/azure exec python3 -m azure.cli "$@"'
[ -e "$CHAPERONE_CACHE/cluster/bin/helm" ] || fail 'needs kubectl and helm: run e2e/cluster/build.sh'
cp "$CHAPERONE_CACHE/cluster/bin/kube" "$out/bin/kubectl"
cp "$CHAPERONE_CACHE/cluster/bin/helm" "$out/bin/helm"
