#!/usr/bin/env bash
# The inside of the node: the first process of its own pid, mount and network namespaces, so that its end is the end of every
# process, mount, interface and firewall rule here. Started by cluster.sh with its settings in the environment.
set -euo pipefail
cd "$DIR"
export PATH=$BIN:$PATH
start() { local name=$1; shift; "$@" >"$LOG/$name.log" 2>&1 </dev/null & }
api_is_ready() { kubectl --kubeconfig admin.kubeconfig get --raw /readyz >/dev/null 2>&1; }

# These folders of the machine are written to by name; memory in their place keeps the machine as it was.
for folder in /run/netns /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers; do
  [ -d "$folder" ] || { mkdir -p "$folder" && echo "$folder" >>made-folders; }
  mount --no-mtab -t tmpfs tmpfs "$folder"
done
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.route_localnet=1
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true # absent until the bridge module is loaded
until ip -4 address show dev eth0 2>/dev/null | grep -q inet; do sleep 0.05; done # cluster.sh plugs the cable in

start etcd etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --service-cluster-ip-range "$SERVICE_CIDR" \
  --advertise-address "$NODE_IP" --tls-cert-file pki/apiserver.crt --tls-private-key-file pki/apiserver.key \
  --client-ca-file pki/ca.crt --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
  --service-account-key-file pki/sa.key --service-account-signing-key-file pki/sa.key \
  --service-account-issuer https://kubernetes.default.svc --kubelet-preferred-address-types InternalIP \
  --kubelet-client-certificate pki/apiserver-kubelet.crt --kubelet-client-key pki/apiserver-kubelet.key
start containerd containerd -c containerd.toml
until api_is_ready; do sleep 0.2; done
start kube-controller-manager kube-controller-manager --kubeconfig controller-manager.kubeconfig --leader-elect=false \
  --service-account-private-key-file pki/sa.key --root-ca-file pki/ca.crt --use-service-account-credentials \
  --cluster-signing-cert-file pki/ca.crt --cluster-signing-key-file pki/ca.key
start kube-scheduler kube-scheduler --kubeconfig scheduler.kubeconfig --leader-elect=false
# 0 leaves conntrack's limits alone: they are the machine's, and a container may not write them.
start kube-proxy kube-proxy --kubeconfig proxy.kubeconfig --hostname-override node1 --proxy-mode nftables --cluster-cidr "$POD_CIDR" \
  --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
start kubelet kubelet --config kubelet.yaml --kubeconfig kubelet.kubeconfig --hostname-override node1 --node-ip "$NODE_IP" --root-dir "$DIR/kubelet"
start coredns coredns -conf Corefile
kubectl --kubeconfig admin.kubeconfig apply -f dns.yaml
wait
