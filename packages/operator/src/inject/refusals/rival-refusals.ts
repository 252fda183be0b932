import type { Container } from '../pod.ts'

/** Meshes whose proxy takes all traffic of a pod as the sidecar does; a pod has room for one. */
const meshes = [
  {
    name: 'Istio',
    containers: ['istio-init', 'istio-validation', 'istio-proxy'],
    remedy: 'label the pod sidecar.istio.io/inject=false',
  },
  {
    name: 'Linkerd',
    containers: ['linkerd-init', 'linkerd-network-validator', 'linkerd-proxy'],
    remedy: 'annotate the pod linkerd.io/inject=disabled',
  },
] as const

/**
 * One refusal for each mesh that has injected the pod, before or after us. Most of its containers would be refused anyway, for
 * their privileges and tokens, but in words that do not tell the author of the pod, who never wrote them, what to do.
 */
export function rivalRefusals(
  containers: readonly { readonly container: Container; readonly field: string }[],
): string[] {
  return meshes.flatMap(({ name, containers: known, remedy }) => {
    const theirs = containers.filter(({ container }) => (known as readonly string[]).includes(container.name))
    const [first] = theirs
    if (first === undefined) return []
    const names = theirs.map(({ container }) => container.name).join(', ')
    return [`${first.field}.name: ${names}: ${name} and the sidecar cannot both take the traffic of a pod; ${remedy}`]
  })
}
