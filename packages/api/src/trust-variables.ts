/** Variables that replace a client's own store: they name the public roots and ours. */
const replacing = [
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'PIP_CERT',
  'GIT_SSL_CAINFO',
  'AWS_CA_BUNDLE',
  'CARGO_HTTP_CAINFO',
  'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
  'HTTPLIB2_CA_CERTS',
  'WEBSOCKET_CLIENT_CA_BUNDLE',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
  'PERL_LWP_SSL_CA_FILE',
  'BUNDLE_SSL_CA_CERT',
  'COMPOSER_CAFILE',
  'HEX_CACERTS_PATH',
  'NIX_SSL_CERT_FILE',
  'SYSTEM_CERTIFICATE_PATH',
  'PGSSLROOTCERT',
] as const
/** Variables that add to it: they name ours alone. */
const adding = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'] as const

/**
 * What makes each ecosystem believe the certificates that a sidecar issues, given where the agent sees the directory of
 * trust that the sidecar writes.
 */
export function trustVariables(directory: string): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(replacing.map((name) => [name, `${directory}/bundle.crt`])),
    ...Object.fromEntries(adding.map((name) => [name, `${directory}/ca.crt`])),
    WGETRC: `${directory}/wgetrc`,
  }
}

/** `JAVA_TOOL_OPTIONS`, which may hold options already: those stay, and a store that they name is left as it is. */
export function javaToolOptions(directory: string, present = ''): string {
  if (present.includes('javax.net.ssl.trustStore=')) return present
  const ours = `-Djavax.net.ssl.trustStore=${directory}/cacerts.jks -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit`
  return present === '' ? ours : `${present} ${ours}`
}
