#!/usr/bin/env bash
# Leaves a cluster with Chaperone installed to play with, and says what to type next.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$CHAPERONE_ROOT"

cluster=e2e/cluster/cluster.sh
tools/bootstrap.sh
e2e/cluster/build.sh
node tools/build.ts
images/build.sh $(images/build.sh --list)
"$cluster" up $(images/build.sh --list | sed "s|.*|$CHAPERONE_CACHE/images/&.tar|")
eval "$("$cluster" env)"
ln -sf "$CHAPERONE_ROOT/dist/cli/cli.mjs" "$CHAPERONE_CACHE/cluster/bin/chaperone"
ln -sf "$CHAPERONE_ROOT/dist/cli/cli.mjs" "$CHAPERONE_CACHE/cluster/bin/kubectl-chaperone"
chmod +x dist/cli/cli.mjs
# The tag stays the same, so that nothing else tells a running operator that its image is new.
kubectl delete pods -n chaperone-system --all --ignore-not-found >/dev/null
helm upgrade --install chaperone charts/chaperone -n chaperone-system --create-namespace -f charts/chaperone/values-example.yaml \
  --set images.registry=localhost --set images.tag=dev --set collector.image=localhost/chaperone-e2e-otelcol:dev --set verify.periodSeconds=20 --wait >/dev/null
kubectl create namespace agents --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl label namespace agents chaperone.dev/injection=enabled --overwrite >/dev/null
cat <<EOF

Chaperone runs on this cluster, and the namespace "agents" is labelled for injection. Type next:

  . tools/env.sh && eval "\$(e2e/cluster/cluster.sh env)"
  kubectl apply -n agents -f docs/session.yaml && kubectl get agentsessions -n agents
  kubectl run agent -n agents --labels app=devin --image localhost/chaperone-e2e-agent:dev --image-pull-policy Never -- sleep infinity

then: kubectl exec -n agents agent -- curl -sS https://pastebin.example/     and, when done: make e2e-down
EOF
