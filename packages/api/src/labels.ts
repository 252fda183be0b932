/** Labels and annotations under our reserved prefix. The webhook owns all of them but the first three. */
export const labels = {
  /** On a namespace: `enabled` injects pods that a session selects, `required` refuses any pod that is not injected. */
  injection: 'chaperone.dev/injection',
  /** On a namespace: how the traffic of its agents reaches the sidecar. On a pod, stamped by the webhook: `Proxy`, or absent. */
  interception: 'chaperone.dev/interception',
  /** On a pod: names its session explicitly. Kept by the webhook as the session the pod is bound to. */
  session: 'chaperone.dev/session',
  injected: 'chaperone.dev/injected',
} as const

/**
 * `Transparent`: the guard leads all traffic to the sidecar. `Proxy`, where no container may have NET_ADMIN: clients are told
 * of a proxy, and who ignores it is neither seen nor stopped.
 */
export const interceptions = ['Transparent', 'Proxy'] as const
export type Interception = (typeof interceptions)[number]

/** The value of the label: absent means Transparent. Undefined for what is neither. */
export function parseInterception(value = 'Transparent'): Interception | undefined {
  return interceptions.find((known) => known === value)
}

export const annotations = {
  sessionUid: 'chaperone.dev/session-uid',
  policyHash: 'chaperone.dev/policy-hash',
  proxyUid: 'chaperone.dev/proxy-uid',
} as const

export const containerNames = {
  sidecar: 'chaperone-sidecar',
  verify: 'chaperone-verify',
} as const
