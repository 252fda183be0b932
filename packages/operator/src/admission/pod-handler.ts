import { labels, type AgentSession, type EffectivePolicy } from '@chaperone/api'
import { bindPod } from '../binding/bind-pod.ts'
import { inject } from '../inject/inject.ts'
import type { Pod } from '../inject/pod.ts'
import { refusals } from '../inject/refusals/refusals.ts'
import type { InstallationSettings } from '../inject/settings.ts'
import type { AdmissionOutcome, AdmissionRequest } from './review.ts'

export interface PodHandlerPorts {
  /** Whether sessions and policies have been read; before that nothing can be judged. */
  readonly synced: () => boolean
  readonly sessions: (namespace: string) => readonly AgentSession[]
  /** As they stand in the API server now. */
  readonly freshSessions: (namespace: string) => Promise<readonly AgentSession[]>
  readonly namespaceLabels: (namespace: string) => Promise<Readonly<Record<string, string>>>
  readonly effectivePolicy: (session: AgentSession) => EffectivePolicy
  readonly settings: () => InstallationSettings
  /** A fresh uid in [100 000, 2³¹ − 1). */
  readonly drawUid: () => number
}

/** CREATE of a pod in a labelled namespace: bind it, refuse what cannot be contained, inject. Deny, never skip. */
export function createPodHandler(ports: PodHandlerPorts): (request: AdmissionRequest) => Promise<AdmissionOutcome> {
  return async (request) => {
    const namespace = request.namespace ?? ''
    const pod = request.object as unknown as Pod
    if (!ports.synced()) return deny('the operator has not read the AgentSessions yet; retry')
    let binding = bindPod(pod, ports.sessions(namespace))
    // The watch may lag behind a session that was applied just before its pod: nothing is let in bare on its word.
    if (binding.kind !== 'bound') binding = bindPod(pod, await ports.freshSessions(namespace))
    if (binding.kind === 'refused') return deny(binding.message)
    if (binding.kind === 'unselected') {
      const required = (await ports.namespaceLabels(namespace))[labels.injection] === 'required'
      return required
        ? deny(
            `no AgentSession selects this pod, and namespace "${namespace}" is labelled ${labels.injection}=required`,
          )
        : { kind: 'allow' }
    }
    const policy = ports.effectivePolicy(binding.session)
    const credentials = policy.tiers.flat().flatMap((list) => list.rules.flatMap((rule) => rule.credential ?? []))
    const secrets = [...new Set(credentials.flatMap(({ secretRef }) => secretRef?.name ?? []))].sort()
    const problems = refusals(pod, secrets)
    if (problems.length > 0) return deny(`this pod cannot be contained: ${problems.join('; ')}`)
    return {
      kind: 'mutate',
      object: inject(pod, {
        ...ports.settings(),
        proxyUid: freshUid(pod, ports.drawUid),
        session: { name: policy.session.name, uid: policy.session.uid, policyHash: policy.hash },
        credentialSecrets: secrets,
        serviceAccountToken: credentials.some(({ as }) => as === 'ServiceAccountToken'),
      }),
    }
  }
}

const deny = (message: string): AdmissionOutcome => ({ kind: 'deny', message: `chaperone: ${message}` })

/** A uid that nothing in the pod runs as, nor would verify. */
function freshUid(pod: Pod, draw: () => number): number {
  const used = new Set([
    pod.spec.securityContext?.runAsUser,
    ...[...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(
      (container) => container.securityContext?.runAsUser,
    ),
  ])
  for (;;) {
    const uid = draw()
    if (!used.has(uid) && !used.has(uid - 1)) return uid
  }
}
