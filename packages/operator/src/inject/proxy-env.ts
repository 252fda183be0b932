import { javaProxyOptions, proxyVariables, type Interception } from '@chaperone/api'
import { sidecarPorts } from '@chaperone/guard'
import type { Container, EnvVar } from './pod.ts'

const url = `http://127.0.0.1:${sidecarPorts.proxy}`
const variables: readonly EnvVar[] = Object.entries(proxyVariables(url)).map(([name, value]) => ({ name, value }))
const java = 'JAVA_TOOL_OPTIONS'
const javaOptions = javaProxyOptions(url)

/** How our own containers learn that there is no redirect. */
export function interceptionEnv(interception: Interception): EnvVar[] {
  return interception === 'Proxy' ? [{ name: 'CHAPERONE_INTERCEPTION', value: 'Proxy' }] : []
}

/** What `verify` goes by, as clients of the agent do. */
export function verifyProxyEnv(interception: Interception): EnvVar[] {
  return interception === 'Proxy' ? variables.filter(({ name }) => name === 'HTTPS_PROXY') : []
}

/** The variables of a container, with those that lead clients to the sidecar: idempotent. `proxyConflicts` says what it never sees. */
export function withProxyEnv(env: readonly EnvVar[]): EnvVar[] {
  const names = new Set(env.map(({ name }) => name))
  return [...env.map(addJavaOptions), ...variables.filter(({ name }) => !names.has(name))]
}

function addJavaOptions(variable: EnvVar): EnvVar {
  const { name, value } = variable
  if (name !== java || value === undefined || value.includes(javaOptions)) return variable
  return { ...variable, value: `${value} ${javaOptions}` }
}

/** Indexes of the variables by which a container goes past the sidecar, or to another proxy. */
export function proxyConflicts({ env = [] }: Container): number[] {
  return env.flatMap((variable, index) => (isConflict(variable) ? [index] : []))
}

function isConflict({ name, value }: EnvVar): boolean {
  if (name === java) return /(https?\.proxy|socksProxy|nonProxyHosts)/i.test((value ?? '').replaceAll(javaOptions, ''))
  return variables.some((ours) => ours.name === name && ours.value !== value)
}
