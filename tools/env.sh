# Source this from bash: puts the pinned Node and pnpm, the workspace's programs and the e2e cluster's on PATH.
CHAPERONE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CHAPERONE_ROOT
export CHAPERONE_CACHE=${CHAPERONE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/chaperone}
export PATH=$CHAPERONE_ROOT/node_modules/.bin:$CHAPERONE_CACHE/node/node_modules/.bin:$CHAPERONE_CACHE/cluster/bin:$PATH

# Progress goes to stderr, so that a script's own output stays usable.
say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
fail() { say "$*"; exit 1; }

# One digest over the contents and relative names of files and folders, and over further words given as word=…
# It answers one question, "was it built from exactly this?", so that time stamps never decide.
digest() {
  local item
  for item in "$@"; do
    case $item in
      word=*) printf '%s\n' "$item" ;;
      *) (cd "$(dirname "$item")" && find "$(basename "$item")" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) ;;
    esac
  done | sha256sum | cut -c1-16
}

# is_built FILE KEY: the file is there and its key, kept beside it, is this one. keep_key FILE KEY records it.
is_built() { [ -e "$1" ] && [ "$(cat "$(dirname "$1")/.$(basename "$1").key" 2>/dev/null)" = "$2" ]; }
keep_key() { printf '%s\n' "$2" >"$(dirname "$1")/.$(basename "$1").key"; }
