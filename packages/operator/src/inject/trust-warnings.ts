import { isReserved, type Container, type Pod } from './pod.ts'
import { agentTrustPath } from './settings.ts'
import { keptTrustVariables } from './trust-env.ts'
import { takenBundles } from './trust-mounts.ts'

/**
 * What the pod sets where injection would, and that is left as it is: who applies the pod is told, because a client that reads it may refuse
 * our certificates. What is set in an image or by `envFrom` cannot be seen here.
 */
export function trustWarnings({ spec }: Pod): string[] {
  return [
    ...spec.containers.flatMap((container, index) => warningsOf(container, `spec.containers[${index}]`)),
    ...(spec.initContainers ?? []).flatMap((container, index) =>
      warningsOf(container, `spec.initContainers[${index}]`),
    ),
  ]
}

/** Long warnings are cut by the API server at 256 characters, and all together at 4096. */
function warningsOf(container: Container, field: string): string[] {
  if (isReserved(container.name)) return []
  const variables = keptTrustVariables(container)
  const bundles = takenBundles((container.volumeMounts ?? []).filter(({ name }) => !isReserved(name)))
  const warn = (member: string, what: readonly string[]): string[] =>
    what.length === 0
      ? []
      : [
          `${field}.${member}: kept ${what.join(', ')}: must hold ${agentTrustPath}/ca.crt, or clients refuse the sidecar`,
        ]
  return [...warn('env', variables), ...warn('volumeMounts', bundles)]
}
