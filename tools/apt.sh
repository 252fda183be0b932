#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs and the machine lacks.
#   apt.sh PURPOSE...      purposes are the second column of apt-packages.txt; a program in the third makes the package needless
set -euo pipefail
. "$(dirname "$0")/env.sh"

missing=()
for purpose in "$@"; do
  while read -r package program; do
    [ -z "$program" ] || ! command -v "$program" >/dev/null || continue
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done < <(awk -v purpose="$purpose" '$2 == purpose { print $1, $3 }' "$CHAPERONE_ROOT/tools/apt-packages.txt")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || fail "not a Debian system: install yourself what corresponds to ${missing[*]}"
[ "$(id -u)" = 0 ] || fail "needs root to install ${missing[*]}; as root: apt-get install ${missing[*]}"
say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Somebody else may be installing something at this moment.
apt() { apt-get -qq -o DPkg::Lock::Timeout=300 -o APT::Get::Assume-Yes=true "$@"; }
apt update
apt install --no-install-recommends "${missing[@]}" >/dev/null
