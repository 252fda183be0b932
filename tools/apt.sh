#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs and the machine lacks.
#   apt.sh PURPOSE...      purposes are the second column of apt-packages.txt
set -euo pipefail
. "$(dirname "$0")/env.sh"

missing=()
for purpose in "$@"; do
  while read -r package; do
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done < <(awk -v purpose="$purpose" '$2 == purpose { print $1 }' "$CHAPERONE_ROOT/tools/apt-packages.txt")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || fail "not a Debian system: install yourself what corresponds to ${missing[*]}"
[ "$(id -u)" = 0 ] || fail "needs root to install ${missing[*]}; as root: apt-get install ${missing[*]}"
say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
