import type { AgentSession, EffectivePolicy, Interception } from '@chaperone/api'
import { bindPod } from '../binding/bind-pod.ts'
import type { Pod } from '../inject/pod.ts'
import { refusals } from '../inject/refusals/refusals.ts'
import { chooseInterception } from './choose-interception.ts'

export interface JudgePodPorts {
  readonly sessions: (namespace: string) => readonly AgentSession[]
  /** As they stand in the API server now. */
  readonly freshSessions: (namespace: string) => Promise<readonly AgentSession[]>
  readonly namespaceLabels: (namespace: string) => Promise<Readonly<Record<string, string>>>
  readonly effectivePolicy: (session: AgentSession) => EffectivePolicy
}

/** What becomes of a pod, or of those of a template. */
export type Judgement =
  | { readonly kind: 'unselected' }
  /** It belongs to no session that would have it, or its namespace has no mode for it. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Each problem names its field. */
  | { readonly kind: 'uncontainable'; readonly problems: readonly string[] }
  | {
      readonly kind: 'containable'
      readonly policy: EffectivePolicy
      readonly interception: Interception
      readonly credentialSecrets: readonly string[]
      readonly serviceAccountToken: boolean
    }

export async function judgePod(ports: JudgePodPorts, namespace: string, pod: Pod): Promise<Judgement> {
  let binding = bindPod(pod, ports.sessions(namespace))
  // The watch may lag behind a session that was applied just before its pod: nothing is let in bare on its word.
  if (binding.kind !== 'bound') binding = bindPod(pod, await ports.freshSessions(namespace))
  if (binding.kind !== 'bound') return binding
  const choice = chooseInterception(namespace, await ports.namespaceLabels(namespace))
  if (choice.kind === 'refused') return choice
  const { interception } = choice
  const policy = ports.effectivePolicy(binding.session)
  const credentials = policy.tiers.flat().flatMap((list) => list.rules.flatMap((rule) => rule.credential ?? []))
  const credentialSecrets = [...new Set(credentials.flatMap(({ secretRef }) => secretRef?.name ?? []))].sort()
  const problems = refusals(pod, credentialSecrets, interception)
  if (problems.length > 0) return { kind: 'uncontainable', problems }
  return {
    kind: 'containable',
    policy,
    interception,
    credentialSecrets,
    serviceAccountToken: credentials.some(({ as }) => as === 'ServiceAccountToken'),
  }
}
