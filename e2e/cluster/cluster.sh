#!/usr/bin/env bash
# A real one-node Kubernetes where there is no Docker, no image registry and no systemd. Needs Linux, root and Go.
#   cluster.sh build                  compile what is missing
#   cluster.sh up [ARCHIVE...]        with these archives loaded, which only the first start with them unpacks
#   cluster.sh down | status          status exits 0 when it is up
#   cluster.sh load ARCHIVE...        make docker-archives usable as images (imagePullPolicy: Never or IfNotPresent)
#   cluster.sh env                    shell lines that set KUBECONFIG and PATH: eval "$(cluster.sh env)"
#   cluster.sh user NAME [GROUP...]   prints the path of a kubeconfig for that user
#   cluster.sh host IP NAME...        gives names an address in the cluster's DNS
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../tools/env.sh"
. "$here/versions.sh"
. "$here/settings.sh"
. "$here/pki.sh"
. "$here/configure.sh"
. "$here/images.sh"

UP_TIMEOUT_S=180 # about ten seconds on an idle machine; many times that beside a busy test run

# The node's first process. Its command line is looked at because the number alone may have been given to another since; any
# checkout's will do, because there is one cluster on a machine.
node() {
  local pid
  pid=$(cat "$DIR/node.pid" 2>/dev/null) && grep -qaF e2e/cluster/node.sh "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}
admin() { "$BIN/kubectl" --kubeconfig "$DIR/admin.kubeconfig" "$@"; }

# eventually WHAT COMMAND...: until COMMAND succeeds, the node dies, or the time is over.
eventually() {
  local what=$1
  shift
  until "$@" >/dev/null 2>&1; do
    [ -n "$(node)" ] || fail "the node ended before $what; see $LOG"
    [ "$SECONDS" -lt "$UP_TIMEOUT_S" ] || fail "no $what within $UP_TIMEOUT_S s; see $LOG"
    sleep 0.2
  done
}

up() {
  [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] || fail 'needs root on Linux: it makes network namespaces and runs containers'
  [ -z "$(node)" ] || { say "already up"; load "$@"; return; }
  "$here/build.sh"
  down # what a machine's crash left
  rm -rf "$LOG" && mkdir -p "$DIR" "$LOG"
  fill_store "$BIN/pause.tar" "$@"
  SECONDS=0 # what is done only once takes minutes
  say "starting Kubernetes $KUBERNETES"
  cd "$DIR"
  configure
  clone_store
  for tree in $(cgroup_trees); do mkdir -p "$tree/$CGROUP"; done
  start_node
  eventually 'ready node' admin wait --for=condition=Ready node/node1 --timeout=1s
  eventually 'default service account' admin get serviceaccount default
  say "ready after $SECONDS s"
}

fill_store() { flock "$STORE.lock" unshare --mount --pid --fork --kill-child --mount-proc bash "$here/store.sh" "$@"; }

# Databases and manifests are copied. Unpacked layers, which nothing writes to, stay where they are: a container's own files, and
# images that are loaded later, are beside links to them.
clone_store() {
  local root=$DIR/containerd overlayfs=io.containerd.snapshotter.v1.overlayfs
  mkdir -p "$root/$overlayfs/snapshots"
  (cd "$STORE/containerd" && cp -a --parents io.containerd.metadata.v1.bolt io.containerd.content.v1.content "$overlayfs/metadata.db" "$root")
  find "$STORE/containerd/$overlayfs/snapshots" -mindepth 1 -maxdepth 1 -exec ln -s -t "$root/$overlayfs/snapshots" {} +
  cp -a "$STORE/imported" "$DIR/loaded"
}

start_node() {
  local starter pid
  setsid unshare --net --mount --pid --fork --kill-child --mount-proc bash "$here/node.sh" >"$LOG/node.log" 2>&1 </dev/null &
  starter=$!
  until pid=$(pgrep -P "$starter"); do kill -0 "$starter" 2>/dev/null || fail "cannot make namespaces; see $LOG/node.log"; sleep 0.05; done
  echo "$pid" >node.pid
  ip link add "$LINK" type veth peer name eth0 netns "$pid"
  ip address add "$HOST_IP/30" dev "$LINK"
  ip link set "$LINK" up
  nsenter --net="/proc/$pid/ns/net" bash -c "
    ip link set lo up; ip link set eth0 up; ip address add $NODE_IP/30 dev eth0; ip route add default via $HOST_IP"
  # Tests on the machine reach pods and services directly, as a program in the cluster would.
  ip route replace "$SERVICE_CIDR" via "$NODE_IP"
  ip route replace "$POD_CIDR" via "$NODE_IP"
}

# The namespaces take processes, mounts, interfaces and firewall rules with them; cgroups and files are the machine's.
down() {
  local pid deadline=$((SECONDS + 30))
  if pid=$(node); then
    kill -KILL "$pid"
    while [ -d "/proc/$pid" ]; do sleep 0.05; done
  fi
  ip link delete "$LINK" 2>/dev/null || true
  for tree in $(cgroup_trees); do
    # Busy until the kernel has let go of the last process in it.
    until [ ! -d "$tree/$CGROUP" ] || find "$tree/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] || fail "cannot remove $tree/$CGROUP: something else runs in it"
      sleep 0.1
    done
  done
  # Some may be gone already, where an earlier call was cut off.
  [ ! -e "$DIR/made-folders" ] || xargs rmdir --ignore-fail-on-non-empty <"$DIR/made-folders" 2>/dev/null || true
  rm -rf "$DIR"
}

load() {
  local archive
  for archive in "$@"; do
    is_imported "$DIR/loaded" "$archive" ||
      import_image "$DIR/loaded" "$archive" nsenter --target "$(node)" --mount --pid "$BIN/ctr" -a "$DIR/containerd.sock" -n k8s.io
  done
}

user() {
  local file
  file=user-$(printf '%s\n' "$@" | sha256sum | cut -c1-16)
  cd "$DIR"
  [ -e "$file.kubeconfig" ] || identity "$file" "$1" '' "${@:2}"
  echo "$DIR/$file.kubeconfig"
}

# What was said of a name before no longer holds. Under a lock, so that journeys that run at the same time do not lose each other's names.
host() (
  exec 9>"$DIR/hosts.lock" && flock 9
  awk -v names=" ${*:2} " '{ for (i = 2; i <= NF; i++) if (!index(names, " " $i " ")) print $1, $i }' "$DIR/hosts" >"$DIR/hosts.part"
  echo "$@" >>"$DIR/hosts.part"
  mv "$DIR/hosts.part" "$DIR/hosts"
)

require_up() { [ -n "$(node)" ] || fail 'the cluster is not up'; }

case ${1:-} in
  build) exec "$here/build.sh" ;;
  up) up "${@:2}" ;;
  down) down ;;
  status) require_up && admin get nodes ;;
  env) echo "export KUBECONFIG=$DIR/admin.kubeconfig PATH=$BIN:\$PATH" ;;
  load | user | host)
    [ $# -gt 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 64; }
    require_up
    "$@"
    ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac
