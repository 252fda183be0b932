#!/usr/bin/env bash
# Makes a fresh checkout ready: the pinned Node and pnpm in the cache, the workspace's packages in node_modules. Quick and silent
# when all is in place. Everything comes from the npm registry; only where npm itself is missing, from Debian.
set -euo pipefail
. "$(dirname "$0")/env.sh"

pin=$CHAPERONE_ROOT/tools/node
toolchain=$CHAPERONE_CACHE/node

install_toolchain() {
  local stage
  command -v npm >/dev/null || "$CHAPERONE_ROOT/tools/apt.sh" bootstrap
  say "installing Node and pnpm into $toolchain"
  mkdir -p "$CHAPERONE_CACHE"
  stage=$(mktemp -d "$CHAPERONE_CACHE/node.XXXXXX")
  cp "$pin"/package*.json "$stage"
  # Not `npm ci`: it insists on lock entries for every platform of pnpm, and mirrors do not carry them all. Those that are in
  # the lock file are still checked against it. No package may run a script of its own, but pnpm's, which puts the program for
  # this machine in its place.
  (cd "$stage" && npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && node node_modules/pnpm/install.js)
  # Swapped in whole, because another checkout on this machine may be using the old one.
  rm -rf "$toolchain.old"
  [ ! -e "$toolchain" ] || mv "$toolchain" "$toolchain.old"
  mv "$stage" "$toolchain"
  rm -rf "$toolchain.old"
  hash -r
}

install_packages() {
  say "installing the workspace's packages"
  (cd "$CHAPERONE_ROOT" && pnpm install --frozen-lockfile --reporter=silent)
}

cmp -s "$pin/package-lock.json" "$toolchain/package-lock.json" || install_toolchain
# On other systems than Linux there is no pinned Node to install, and the machine's own must do.
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' 2>/dev/null || fail "needs Node 24: https://nodejs.org"

# pnpm keeps a copy of the lock file that it installed from.
cmp -s "$CHAPERONE_ROOT/pnpm-lock.yaml" "$CHAPERONE_ROOT/node_modules/.pnpm/lock.yaml" || install_packages
