# How archives become images of a containerd; sourced by cluster.sh and store.sh.

# archive_key ARCHIVE: the key that its builder kept beside it. An archive without one, or newer than it, is hashed, which takes
# longer than a start of the cluster for the large ones.
archive_key() {
  local kept
  kept=$(dirname "$1")/.$(basename "$1").key
  if [ -e "$kept" ] && [ ! "$1" -nt "$kept" ]; then cat "$kept"; else sha256sum <"$1" | cut -c1-16; fi
}

# is_imported FOLDER ARCHIVE: FOLDER is the record of a containerd: for each archive a file with its path, and its key beside it.
is_imported() { is_built "$1/$(basename "$2")" "$(archive_key "$2")"; }

# import_image FOLDER ARCHIVE CTR...: nothing reads a layer's archive again once it is unpacked.
import_image() {
  local record archive=$2 key
  record=$1/$(basename "$archive") key=$(archive_key "$archive")
  shift 2
  "$@" image import --local --discard-unpacked-layers --label key="$key" "$archive" >"$LOG/load.log" 2>&1 ||
    fail "could not load $archive: $(tail -1 "$LOG/load.log")"
  realpath "$archive" >"$record"
  keep_key "$record" "$key"
}
