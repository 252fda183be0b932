# Versions of what build.sh compiles. Kubernetes' own is also in kube/go.mod: change both.
GO=1.26.6 # installed where the machine has no Go, or one older than 1.21, which cannot fetch a newer one
KUBERNETES=v1.36.3
CONTAINERD=v2.3.7
RUNC=v1.4.2
HELM=v3.21.4
PAUSE_IMAGE=localhost/pause:1
