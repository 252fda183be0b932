#!/usr/bin/env bash
# Imports archives into the store, which outlives clusters, so that a large image is unpacked once and not at each start. Needs a
# containerd for that, and is the first process of its own pid and mount namespaces, so that its end is the end of that one too.
# Started by cluster.sh while no cluster is up. Images whose archive is gone or has changed leave the store.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/env.sh"
. "$here/settings.sh"
. "$here/images.sh"
export CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 # of the machine's cgroup version, by each ctr
imported=$STORE/imported
ctr=("$BIN/ctr" -a "$STORE/state/containerd.sock" -n k8s.io)

# What an interrupted run left is not trusted.
[ ! -e "$STORE/filling" ] || rm -rf "$STORE"
mkdir -p "$imported"

new=() gone=()
for archive in "$@"; do is_imported "$imported" "$archive" || new+=("$archive"); done
for record in "$imported"/*; do
  [ ! -e "$record" ] || [ -e "$(cat "$record")" ] || gone+=("$record" "$imported/.$(basename "$record").key")
done
[ $((${#new[@]} + ${#gone[@]})) -gt 0 ] || exit 0

: >"$STORE/filling"
cat >"$STORE/containerd.toml" <<C
version = 3
root = "$STORE/containerd"
state = "$STORE/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri"]
[grpc]
  address = "$STORE/state/containerd.sock"
C
"$BIN/containerd" -c "$STORE/containerd.toml" >"$LOG/store.log" 2>&1 </dev/null &
containerd=$!
until "${ctr[@]}" version >/dev/null 2>&1; do
  kill -0 "$containerd" 2>/dev/null || fail "containerd ended; see $LOG/store.log"
  sleep 0.05
done
for archive in "${new[@]}"; do
  say "unpacking $(basename "$archive")"
  import_image "$imported" "$archive" "${ctr[@]}"
done
rm -f "${gone[@]}"
# Images whose key is no longer on record are of archives that are gone.
others=$("${ctr[@]}" image ls -q "$(cat "$imported"/.*.key | sed 's/.*/labels.key!=&/' | paste -sd,)")
[ -z "$others" ] || xargs "${ctr[@]}" image rm <<<"$others" >/dev/null
"${ctr[@]}" content prune references # returns when all garbage is collected
kill "$containerd" && wait "$containerd"
sync -f "$STORE" # a layer that the machine's crash left half on disk would look complete
rm -rf "$STORE/state" "$STORE/filling"
