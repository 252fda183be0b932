#!/usr/bin/env bash
# Builds images into docker-archives, $CHAPERONE_CACHE/images/NAME.tar; an image whose inputs did not change is left alone.
#   build.sh [NAME...]      default: those that are shipped, chaperone-sidecar and chaperone-control
#   build.sh --list         names of all, also those that only the journeys use
# The bundles must exist: pnpm build. Each image is tagged localhost/NAME:dev.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tools/env.sh"
. "$here/builder.sh"
images=$CHAPERONE_CACHE/images
e2e=$CHAPERONE_ROOT/e2e/images

# name                     folder of the Dockerfile    context                         what the image takes from the context
table="
chaperone-sidecar          $here/sidecar               $CHAPERONE_ROOT/dist/sidecar    $CHAPERONE_ROOT/dist/sidecar
chaperone-control          $here/control               $CHAPERONE_ROOT/dist/operator   $CHAPERONE_ROOT/dist/operator
chaperone-e2e-agent        $e2e/agent                  $e2e/agent                      $e2e/agent
chaperone-e2e-postgres     $e2e/postgres               $e2e/postgres                   $e2e/postgres
chaperone-e2e-otelcol      $e2e/otelcol                $CHAPERONE_CACHE/cluster/bin    $CHAPERONE_CACHE/cluster/bin/otelcol
"
[ "${1:-}" != --list ] || { awk 'NF { print $1 }' <<<"$table"; exit; }
[ $# -gt 0 ] || set -- chaperone-sidecar chaperone-control

mkdir -p "$images"
choose_builder
for name in "$@"; do
  started=$SECONDS
  read -r _ folder context inputs < <(grep -E "^$name " <<<"$table") || fail "unknown image $name: see --list"
  [ -e "$inputs" ] || fail "$name needs $inputs: run make build (or e2e/cluster/build.sh for otelcol)"
  key=$(digest "$folder" "$inputs" word="$builder-$base_key")
  ! is_built "$images/$name.tar" "$key" || continue
  say "building $name"
  build_image "localhost/$name:dev" "$folder/Dockerfile" "$context" "$images/$name.tar.part"
  mv "$images/$name.tar.part" "$images/$name.tar"
  keep_key "$images/$name.tar" "$key"
  say "built $name in $((SECONDS - started)) s, $(du -h "$images/$name.tar" | cut -f1)"
done
