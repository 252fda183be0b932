import type { Container, EnvVar } from './pod.ts'
import { agentTrustPath } from './settings.ts'

/** Public roots and ours: for variables that replace a client's own store. */
const bundle = `${agentTrustPath}/bundle.crt`
/** Ours alone: for variables that add to it. */
const own = `${agentTrustPath}/ca.crt`

/** What makes each ecosystem believe our certificates; a variable that the container sets itself is left as it is. */
const variables: readonly EnvVar[] = [
  ...[
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
  ].map((name) => ({ name, value: bundle })),
  { name: 'NODE_EXTRA_CA_CERTS', value: own },
  { name: 'DENO_CERT', value: own },
  { name: 'WGETRC', value: `${agentTrustPath}/wgetrc` },
]

const javaOptions = `-Djavax.net.ssl.trustStore=${agentTrustPath}/cacerts.jks -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit`

/** The variables of a container with ours added: idempotent, and never overwriting what is there. */
export function withTrustEnv(container: Container): EnvVar[] {
  const present = container.env ?? []
  const names = new Set(present.map((variable) => variable.name))
  return [
    ...present.map(addJavaOptions),
    ...variables.filter((variable) => !names.has(variable.name)),
    ...(names.has('JAVA_TOOL_OPTIONS') ? [] : [{ name: 'JAVA_TOOL_OPTIONS', value: javaOptions }]),
  ]
}

function addJavaOptions(variable: EnvVar): EnvVar {
  if (
    variable.name !== 'JAVA_TOOL_OPTIONS' ||
    variable.value === undefined ||
    variable.value.includes('javax.net.ssl.trustStore=')
  )
    return variable
  return { ...variable, value: `${variable.value} ${javaOptions}` }
}
