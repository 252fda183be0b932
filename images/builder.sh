# Two ways to build one Dockerfile; sourced by build.sh, which sets $arch. Docker where a daemon answers, else buildah, which needs
# no daemon, on base images made here, so that no image registry is needed either. Another architecture than the machine's is
# built under emulation, which binfmt_misc must know (package qemu-user-static).

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=overlay
DEBIAN_SUITE=bookworm

choose_builder() {
  if docker info >/dev/null 2>&1; then builder=docker base_key=public; return; fi
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] || fail 'needs a Docker daemon, or root on Linux for buildah'
  "$CHAPERONE_ROOT/tools/apt.sh" images
  builder=buildah base_key=$arch-$(digest word="$DEBIAN_SUITE" word="$(node --version)")
  [ "$arch" = "$machine_arch" ] || compgen -G '/proc/sys/fs/binfmt_misc/qemu-*' >/dev/null ||
    fail "needs emulation to build for $arch: install qemu-user-static, binfmt-support and arch-test"
  ensure_bases
}

# build_image TAG DOCKERFILE CONTEXT ARCHIVE
build_image() { rm -f "$4" && "build_with_$builder" "$@"; }

build_with_docker() {
  docker build --quiet --platform "linux/$arch" --tag "$1" --file "$2" "$3" >/dev/null
  docker save --output "$4" "$1"
}

build_with_buildah() {
  # A build that asks registries may have the machine's roots for a step: RUN --mount=type=secret,id=roots
  buildah bud --quiet --arch "$arch" --secret id=roots,src=/etc/ssl/certs/ca-certificates.crt --build-arg NODE_IMAGE="$(base node)" \
    --build-arg DEBIAN_IMAGE="$(base debian)" --tag "$1" --file "$2" "$3" >"$4.log" 2>&1 ||
    { tail -20 "$4.log" >&2; return 1; }
  buildah push --quiet "$1" "docker-archive:$4:$1" >/dev/null
  # The archive is the product. Left in buildah's store, each build would add an image that nobody removes.
  buildah rmi "$1" >/dev/null
  rm "$4.log"
}

base() { echo "localhost/chaperone-base-$1:$base_key"; }
has_base() { buildah inspect --type image "$(base "$1")" >/dev/null 2>&1; }

# What debian:bookworm-slim and node:24-bookworm-slim are, as far as the Dockerfiles care.
ensure_bases() {
  local stage
  if has_base debian && has_base node; then return; fi
  say "making a Debian base image"
  stage=$(mktemp -d)
  ensure_debian_archive
  cp "$debian_archive" "$stage/debian.tar"
  node_program >"$stage/node"
  printf 'FROM scratch\nADD debian.tar /\nCMD ["bash"]\n' >"$stage/debian.Dockerfile"
  printf 'FROM %s\nCOPY --chmod=755 node /usr/local/bin/node\n' "$(base debian)" >"$stage/node.Dockerfile"
  buildah bud --quiet --arch "$arch" --tag "$(base debian)" --file "$stage/debian.Dockerfile" "$stage" >/dev/null
  buildah bud --quiet --arch "$arch" --tag "$(base node)" --file "$stage/node.Dockerfile" "$stage" >/dev/null
  rm -rf "$stage"
}

# The pinned Node for $arch, on standard output; another architecture's comes from the registry that this one came from.
node_program() {
  if [ "$arch" = "$machine_arch" ]; then cat "$(node -p process.execPath)"; return; fi
  npm pack --silent --pack-destination "$stage" "node-linux-${arch/amd64/x64}@$(node -p process.versions.node)" >/dev/null
  tar -xzOf "$stage"/node-linux-*.tgz package/bin/node
}

ensure_debian_archive() {
  debian_archive=$images/base-$base_key.tar
  [ ! -f "$debian_archive" ] || return 0
  rm -f "$images"/base-"$arch"-*.tar
  mmdebstrap --quiet --arch="$arch" --format=tar --variant=apt --include=ca-certificates --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$DEBIAN_SUITE" "$debian_archive.part" \
    "deb http://deb.debian.org/debian $DEBIAN_SUITE main" \
    "deb http://deb.debian.org/debian $DEBIAN_SUITE-updates main" \
    "deb http://security.debian.org/debian-security $DEBIAN_SUITE-security main"
  mv "$debian_archive.part" "$debian_archive"
}
