/** Labels and annotations under our reserved prefix. The webhook owns all of them but the first two. */
export const labels = {
  /** On a namespace: `enabled` injects pods that a session selects, `required` refuses any pod that is not injected. */
  injection: 'chaperone.dev/injection',
  /** On a pod: names its session explicitly. Kept by the webhook as the session the pod is bound to. */
  session: 'chaperone.dev/session',
  injected: 'chaperone.dev/injected',
} as const

export const annotations = {
  sessionUid: 'chaperone.dev/session-uid',
  policyHash: 'chaperone.dev/policy-hash',
  proxyUid: 'chaperone.dev/proxy-uid',
} as const

export const containerNames = {
  guard: 'chaperone-guard',
  sidecar: 'chaperone-sidecar',
  verify: 'chaperone-verify',
} as const
