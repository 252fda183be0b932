import { interceptions, labels, parseInterception, type Interception } from '@chaperone/api'

export type Choice =
  | { readonly kind: 'chosen'; readonly interception: Interception }
  | { readonly kind: 'refused'; readonly message: string }

/** How the traffic of a namespace's agents reaches the sidecar, by the labels of the namespace; unknown means refused. */
export function chooseInterception(namespace: string, namespaceLabels: Readonly<Record<string, string>>): Choice {
  const interception = parseInterception(namespaceLabels[labels.interception])
  if (interception === undefined)
    return refused(`namespace "${namespace}": label ${labels.interception}: expected ${interceptions.join(' or ')}`)
  const standard = namespaceLabels['pod-security.kubernetes.io/enforce']
  // PodSecurity, that comes after us, could only speak of a container that the user never wrote.
  if (interception === 'Transparent' && (standard === 'baseline' || standard === 'restricted'))
    return refused(
      `namespace "${namespace}" enforces the PodSecurity standard ${standard}, which forbids the NET_ADMIN of the guard: enforce privileged there, or choose a mode that contains less (SECURITY.md) by kubectl label namespace ${namespace} ${labels.interception}=Proxy`,
    )
  return { kind: 'chosen', interception }
}

const refused = (message: string): Choice => ({ kind: 'refused', message })
