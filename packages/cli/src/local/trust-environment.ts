/** The environment of the agent: its own, with every variable that names trusted certificates pointing at ours. */
export function trustEnvironment(trustDir: string, present: Readonly<Record<string, string>>): Record<string, string> {
  const bundle = `${trustDir}/bundle.crt`
  const replacing = [
    'SSL_CERT_FILE',
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
    'PIP_CERT',
    'GIT_SSL_CAINFO',
    'AWS_CA_BUNDLE',
    'CARGO_HTTP_CAINFO',
    'PGSSLROOTCERT',
  ]
  const trust = {
    ...Object.fromEntries(replacing.map((name) => [name, bundle])),
    NODE_EXTRA_CA_CERTS: `${trustDir}/ca.crt`,
    DENO_CERT: `${trustDir}/ca.crt`,
    WGETRC: `${trustDir}/wgetrc`,
  }
  return { ...present, ...trust }
}
