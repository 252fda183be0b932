#!/usr/bin/env bash
# The peers and load generators: Debian's, and mitmproxy in a virtual environment of its own in the cache.
set -euo pipefail
. "$(dirname "$0")/../tools/env.sh"
"$CHAPERONE_ROOT/tools/apt.sh" bench

mitmproxy=mitmproxy==11.0.2
venv=$CHAPERONE_CACHE/bench/mitmproxy
if ! is_built "$venv" "$mitmproxy"; then
  say "installing $mitmproxy into $venv"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$mitmproxy"
  keep_key "$venv" "$mitmproxy"
fi
