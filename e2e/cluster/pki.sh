# Keys, certificates and kubeconfigs, made anew for every cluster; sourced by cluster.sh, run in $DIR.

authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout pki/ca.key -subj /CN=chaperone-e2e -days 30 -out pki/ca.crt 2>/dev/null
  openssl genrsa -out pki/sa.key 2048 2>/dev/null
}

# certificate FILE COMMON_NAME SUBJECT_ALTERNATIVE_NAMES [ORGANISATION...]: to Kubernetes, user name and groups.
certificate() {
  local file=pki/$1 subject="/CN=${2//\//\\/}" alternative=$3 group
  shift 3
  for group in "$@"; do subject="/O=${group//\//\\/}$subject"; done
  openssl req -newkey rsa:2048 -nodes -keyout "$file.key" -subj "$subject" -out "$file.csr" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 30 -out "$file.crt" 2>/dev/null \
    -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s' "${alternative:+subjectAltName=$alternative}")
  rm "$file.csr"
}

# kubeconfig FILE: for the certificate of that name. Keys are written in, so that the file can be copied anywhere.
kubeconfig() {
  cat >"$1.kubeconfig" <<K
apiVersion: v1
kind: Config
clusters:
  - name: chaperone-e2e
    cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $(base64 -w0 pki/ca.crt)}
users:
  - name: $1
    user: {client-certificate-data: $(base64 -w0 "pki/$1.crt"), client-key-data: $(base64 -w0 "pki/$1.key")}
contexts:
  - name: chaperone-e2e
    context: {cluster: chaperone-e2e, user: $1}
current-context: chaperone-e2e
K
}

# identity FILE COMMON_NAME SUBJECT_ALTERNATIVE_NAMES [ORGANISATION...]
identity() { certificate "$@" && kubeconfig "$1"; }
