import { javaToolOptions, trustVariables } from '@chaperone/api'
import type { Container, EnvVar } from './pod.ts'
import { agentTrustPath } from './settings.ts'

const java = 'JAVA_TOOL_OPTIONS'
const ours: readonly EnvVar[] = [
  ...Object.entries(trustVariables(agentTrustPath)).map(([name, value]) => ({ name, value })),
  { name: java, value: javaToolOptions(agentTrustPath) },
]

/** The variables of a container with ours added: idempotent, and never overwriting what is there. */
export function withTrustEnv(container: Container): EnvVar[] {
  const present = container.env ?? []
  const names = new Set(present.map((variable) => variable.name))
  return [...present.map(addJavaOptions), ...ours.filter((variable) => !names.has(variable.name))]
}

/** Names of variables that the container sets itself, and that make a client believe something else than our certificates. */
export function keptTrustVariables(container: Container): string[] {
  const kept = (container.env ?? []).filter((variable) => {
    const isTrust = ours.some(({ name }) => name === variable.name)
    return isTrust && addJavaOptions(variable).value?.includes(agentTrustPath) !== true
  })
  return kept.map(({ name }) => name)
}

function addJavaOptions(variable: EnvVar): EnvVar {
  if (variable.name !== java || variable.value === undefined) return variable
  return { ...variable, value: javaToolOptions(agentTrustPath, variable.value) }
}
