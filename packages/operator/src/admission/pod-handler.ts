import { labels } from '@chaperone/api'
import { inject } from '../inject/inject.ts'
import type { Pod } from '../inject/pod.ts'
import type { InstallationSettings } from '../inject/settings.ts'
import { trustWarnings } from '../inject/trust-warnings.ts'
import { judgePod, type JudgePodPorts } from './judge-pod.ts'
import type { AdmissionOutcome, AdmissionRequest } from './review.ts'

export interface PodHandlerPorts extends JudgePodPorts {
  /** Whether sessions and policies have been read; before that nothing can be judged. */
  readonly synced: () => boolean
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
    const judgement = await judgePod(ports, namespace, pod)
    switch (judgement.kind) {
      case 'refused':
        return deny(judgement.message)
      case 'unselected': {
        const required = (await ports.namespaceLabels(namespace))[labels.injection] === 'required'
        return required
          ? deny(
              `no AgentSession selects this pod, and namespace "${namespace}" is labelled ${labels.injection}=required`,
            )
          : { kind: 'allow' }
      }
      case 'uncontainable':
        return deny(`this pod cannot be contained: ${judgement.problems.join('; ')}`)
      case 'containable': {
        const { policy, interception, credentialSecrets, serviceAccountToken } = judgement
        return {
          kind: 'mutate',
          warnings: trustWarnings(pod),
          object: inject(pod, {
            ...ports.settings(),
            interception,
            proxyUid: freshUid(pod, ports.drawUid),
            session: { name: policy.session.name, uid: policy.session.uid, policyHash: policy.hash },
            credentialSecrets,
            serviceAccountToken,
          }),
        }
      }
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
