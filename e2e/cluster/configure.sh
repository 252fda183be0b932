# Configuration files of the node's programs; sourced by cluster.sh, run in $DIR.

configure() {
  mkdir -p pki cni
  chmod 700 .
  authority
  certificate apiserver kube-apiserver "IP:127.0.0.1,IP:$NODE_IP,IP:$API_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate apiserver-kubelet kube-apiserver-kubelet-client '' system:masters
  identity admin admin '' system:masters
  identity kubelet system:node:node1 "IP:$NODE_IP,DNS:node1" system:nodes
  identity controller-manager system:kube-controller-manager ''
  identity scheduler system:kube-scheduler ''
  identity proxy system:kube-proxy ''
  configure_containerd >containerd.toml
  configure_pod_network >cni/10-pods.conflist
  configure_kubelet >kubelet.yaml
  configure_dns >Corefile
  configure_dns_service >dns.yaml
  echo "nameserver $NODE_IP" >resolv.conf
  : >hosts
}

# restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE may not lower it, and runc then dies with an unclear message.
configure_containerd() {
  cat <<C
version = 3
root = "$DIR/containerd"
state = "$DIR/containerd-state"
[grpc]
  address = "$DIR/containerd.sock"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "$PAUSE_IMAGE"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "$DIR/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    runtime_path = "$BIN/containerd-shim-runc-v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "$BIN/runc"
      SystemdCgroup = false
C
}

configure_pod_network() {
  cat <<C
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$DIR/ipam", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
C
}

# Thresholds: the images exist nowhere else, so a full disk must not make the kubelet collect them.
configure_kubelet() {
  cat <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
containerRuntimeEndpoint: unix://$DIR/containerd.sock
podLogsDir: $DIR/pod-logs
authentication: {x509: {clientCAFile: $DIR/pki/ca.crt}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
tlsCertFile: $DIR/pki/kubelet.crt
tlsPrivateKeyFile: $DIR/pki/kubelet.key
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $DIR/resolv.conf
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
K
}

# Answers the cluster's names, the names that tests add, and NXDOMAIN to everything else: nothing leaves the machine. Every
# query is logged, so that a test can assert what DNS carried.
configure_dns() {
  cat <<C
.:53 {
  errors
  log
  ready
  hosts $DIR/hosts {
    ttl 1
    reload 200ms
    fallthrough
  }
  kubernetes cluster.local {
    endpoint https://$NODE_IP:6443
    kubeconfig $DIR/admin.kubeconfig
    pods insecure
  }
  template ANY ANY {
    rcode NXDOMAIN
  }
}
C
}

configure_dns_service() {
  cat <<Y
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: $DNS_IP, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
Y
}
