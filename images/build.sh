#!/usr/bin/env bash
# Builds images into docker-archives, $CHAPERONE_CACHE/images/NAME.tar; an image whose inputs did not change is left alone.
#   build.sh [--arch amd64|arm64] [NAME...]   default: this machine's; chaperone-sidecar and chaperone-control, which are shipped
#   build.sh --list                           names of all, also those that only the journeys use
# The bundles must exist: pnpm build. Each image is tagged localhost/NAME:dev; another architecture's archive is NAME-ARCH.tar.
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
chaperone-e2e-clients      $e2e/clients                $e2e/clients                    $e2e/clients
chaperone-e2e-layout-alpine $e2e/layout-alpine         $e2e/layout-alpine             $e2e/layout-alpine
chaperone-e2e-layout-redhat $e2e/layout-redhat         $e2e/layout-redhat             $e2e/layout-redhat
chaperone-e2e-postgres     $e2e/postgres               $e2e/postgres                   $e2e/postgres
chaperone-e2e-otelcol      $e2e/otelcol                $CHAPERONE_CACHE/cluster/bin    $CHAPERONE_CACHE/cluster/bin/otelcol
chaperone-e2e-coding-agents $e2e/coding-agents         $CHAPERONE_CACHE/coding-agents  $CHAPERONE_ROOT/e2e/cluster/versions.sh
"
[ "${1:-}" != --list ] || { awk 'NF { print $1 }' <<<"$table"; exit; }
machine_arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/') arch= suffix=
if [ "${1:-}" = --arch ]; then arch=${2:-}; shift 2 || fail '--arch: expected amd64 or arm64'; fi
arch=${arch:-$machine_arch}
case $arch in amd64 | arm64) ;; *) fail "--arch $arch: expected amd64 or arm64" ;; esac
[ "$arch" = "$machine_arch" ] || suffix=-$arch
[ $# -gt 0 ] || set -- chaperone-sidecar chaperone-control

mkdir -p "$images"
choose_builder
for name in "$@"; do
  started=$SECONDS
  read -r _ folder context inputs < <(grep -E "^$name " <<<"$table") || fail "unknown image $name: see --list"
  [ -e "$inputs" ] || fail "$name needs $inputs: run make build (or e2e/cluster/build.sh for otelcol)"
  archive=$images/$name$suffix.tar
  key=$(digest "$folder" "$inputs" word="$builder-$base_key")
  ! is_built "$archive" "$key" || continue
  say "building $name for $arch"
  [ ! -x "$folder/context.sh" ] || "$folder/context.sh" "$context"
  build_image "localhost/$name:dev" "$folder/Dockerfile" "$context" "$archive.part"
  mv "$archive.part" "$archive"
  [ ! -x "$folder/context.sh" ] || rm -rf "$context"
  keep_key "$archive" "$key"
  say "built $archive in $((SECONDS - started)) s, $(du -h "$archive" | cut -f1)"
done
