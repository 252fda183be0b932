# Where the cluster lives and which addresses it takes; sourced by the scripts here. Addresses are from ranges that no network
# of the machine should use: 198.18.0.0/15 is for benchmarks (RFC 2544).
DIR=${CLUSTER_DIR:-/run/chaperone-e2e}   # state of the running cluster; removed by down
LOG=$CHAPERONE_CACHE/cluster/log         # logs outlive the cluster, until the next one
BIN=$CHAPERONE_CACHE/cluster/bin
STORE=$CHAPERONE_CACHE/cluster/store     # unpacked images; outlives the cluster, and a running one reads them here
LINK=chaperone-e2e                       # the machine's end of the cable to the node
CGROUP=chaperone-e2e                     # parent of every pod's cgroup
HOST_IP=198.18.7.1 NODE_IP=198.18.7.2
POD_CIDR=10.248.0.0/24
SERVICE_CIDR=10.247.0.0/16 API_IP=10.247.0.1 DNS_IP=10.247.0.10
export DIR LOG BIN CGROUP NODE_IP POD_CIDR SERVICE_CIDR

# Where pods' cgroups may be: with cgroup v2 one tree, with v1 one per controller and often an unused v2 tree beside them.
cgroup_trees() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup; else find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d; fi
}
