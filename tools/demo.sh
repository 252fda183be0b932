#!/usr/bin/env bash
# The main job in a terminal: installs what it needs, then runs a small agent under a session file. No cluster, no root.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$CHAPERONE_ROOT"
tools/bootstrap.sh
[ "$(id -u)" -ne 0 ] || tools/apt.sh demo
exec node e2e/demo/demo.ts
