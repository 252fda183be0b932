import type {
  AgentSession,
  AgentSessionStatus,
  Condition,
  ContainmentReason,
  EffectivePolicy,
  PodStatus,
} from '@chaperone/api'
import { withCondition } from '../conditions.ts'
import { networkPolicyName } from './network-policy.ts'

export interface SessionObserved {
  readonly policy: EffectivePolicy
  /** The live pods that are bound to the session: when each was created (Unix milliseconds), by UID. */
  readonly livePods: ReadonlyMap<string, number>
  /** Live pods in mode Proxy; `unlimited`: why no NetworkPolicy holds them. */
  readonly guardless: { readonly uids: ReadonlySet<string>; readonly unlimited?: string }
  readonly pending: number
}

/** A sidecar that has said nothing for this long is not known to be well. */
const silentMs = 3 * 60_000

/** The status that a session should have: pure. Pods that are gone leave their counts behind. */
export function sessionStatus(
  session: AgentSession,
  { policy, livePods, guardless, pending }: SessionObserved,
  nowMs: number,
): AgentSessionStatus {
  const reported = session.status?.pods ?? []
  const live = reported.filter((pod) => livePods.has(pod.uid))
  const gone = reported.filter((pod) => !livePods.has(pod.uid))
  const retired = sum([session.status?.retired ?? { requests: 0, denied: 0, masked: 0 }, ...gone])
  const total = sum([retired, ...live])
  const heardMs = new Map([
    ...livePods,
    ...live.map((pod): [string, number] => [pod.uid, Date.parse(pod.lastHeartbeatTime)]),
  ])
  // Until the first self-test of a pod, nothing of its agent runs.
  const isStarting = ({ uid, containedReason }: PodStatus): boolean =>
    containedReason === 'NotReported' && nowMs - (livePods.get(uid) ?? 0) < silentMs
  const tested = live.filter((pod) => !isStarting(pod))
  const silent = [...heardMs.values()].filter((ms) => nowMs - ms >= silentMs).length
  const expired = policy.expiresAt !== undefined && Date.parse(policy.expiresAt) <= nowMs
  return {
    ...session.status,
    observedGeneration: session.metadata.generation ?? 0,
    policyHash: policy.hash,
    ...(policy.expiresAt === undefined ? {} : { expiresAt: policy.expiresAt }),
    pods: live,
    retired,
    counters: { pods: livePods.size, ...total, pending },
    conditions: conditions(session, policy, { live, tested, silent, expired, guardless }, nowMs),
  }
}

interface Facts {
  readonly live: readonly PodStatus[]
  /** Of them, those that are past their start. */
  readonly tested: readonly PodStatus[]
  readonly silent: number
  readonly expired: boolean
  readonly guardless: SessionObserved['guardless']
}

type Judged = Pick<Condition, 'status' | 'reason' | 'message'>

function conditions(session: AgentSession, policy: EffectivePolicy, facts: Facts, nowMs: number): Condition[] {
  const observedGeneration = session.metadata.generation ?? 0
  const judged: Record<string, Judged> = {
    PolicyResolved: policyResolved(policy),
    Contained: contained(session.metadata.name, facts),
    AuditDelivered: auditDelivered(facts),
    Expired: facts.expired
      ? yes('LimitReached', `the session ended at ${policy.expiresAt ?? ''}`)
      : no('WithinLimits', 'the session is within its limits'),
  }
  judged['Ready'] = ready(session, judged, facts)
  return Object.entries(judged).reduce<Condition[]>(
    (list, [type, condition]) => withCondition(list, { type, ...condition, observedGeneration }, nowMs),
    [...(session.status?.conditions ?? [])],
  )
}

function policyResolved(policy: EffectivePolicy): Judged {
  return policy.unresolved.length === 0
    ? yes('Resolved', 'every reference of the policy exists')
    : no('MissingReference', policy.unresolved.join('; '))
}

/** A way that is known to be open weighs most, then that nothing closes them; then what is not known of pods that speak, then that others do not. */
function contained(session: string, { tested, silent, guardless }: Facts): Judged {
  const doubts = tested.filter((pod) => !pod.contained && !guardless.uids.has(pod.uid))
  const because = (...reasons: readonly ContainmentReason[]) =>
    doubts.filter((pod) => reasons.includes(pod.containedReason ?? 'EscapeFound'))
  // Whose sidecar waits for a proxy's clients, in a pod with a guard, is seen by nobody.
  const escaped = because('EscapeFound', 'ProxyMode')
  if (escaped.length > 0) return no('EscapeFound', escaped.map(lastCheck).join('; '))
  if (guardless.uids.size > 0) return no('ProxyMode', unpromised(session, guardless))
  for (const reason of ['CheckOverdue', 'NotReported'] as const) {
    const pods = because(reason)
    if (pods.length > 0) return unknown(reason, pods.map(lastCheck).join('; '))
  }
  if (silent > 0) return unknown('SidecarSilent', `${silent} pods have not reported for ${silentMs / 60_000} minutes`)
  if (tested.length === 0) return unknown('NoPods', 'no pod has reported yet')
  const [oldest] = tested.flatMap(({ lastCheckTime }) => lastCheckTime ?? []).sort()
  const since = oldest === undefined ? '' : `, last at ${oldest} or later`
  return yes('Verified', `the self-test of ${tested.length} pods found no way around the sidecar${since}`)
}

function lastCheck({ name, containedMessage, lastCheckTime }: PodStatus): string {
  const at = lastCheckTime === undefined ? '' : ` at ${lastCheckTime}`
  return `${name}${at}: ${containedMessage ?? 'self-test failed'}`
}

function unpromised(session: string, { uids, unlimited }: SessionObserved['guardless']): string {
  const policy = `NetworkPolicy ${networkPolicyName(session)}`
  const network =
    unlimited === undefined
      ? `${policy} limits it, where the network of the cluster enforces it, to DNS and to TCP, but to no link-local address and no known metadata address of a cloud`
      : `${policy} is to limit it and could not be written: ${unlimited}`
  return `${uids.size} pods have no guard (chaperone.dev/interception=Proxy): traffic that ignores the proxy variables is neither seen nor stopped; ${network}; it cannot tell the agent from the sidecar`
}

function auditDelivered({ live }: Facts): Judged {
  const behind = live.filter((pod) => pod.audit.message !== undefined)
  if (behind.length > 0)
    return no('CollectorBehind', behind.map((pod) => `${pod.name}: ${pod.audit.message ?? ''}`).join('; '))
  return live.length === 0
    ? unknown('NoPods', 'no pod has reported yet')
    : yes('Delivered', 'the collector confirms records as they come')
}

function ready(session: AgentSession, judged: Readonly<Record<string, Judged>>, { expired }: Facts): Judged {
  if (session.spec.suspended) return no('Suspended', 'spec.suspended stops all egress')
  if (expired) return no('Expired', judged['Expired']?.message ?? '')
  for (const type of ['PolicyResolved', 'Contained', 'AuditDelivered']) {
    const condition = judged[type]
    if (condition?.status === 'False') return no(condition.reason, condition.message)
  }
  const known = judged['Contained']
  if (known?.status === 'Unknown' && known.reason !== 'NoPods') return unknown(known.reason, known.message)
  return yes('Ready', 'the policy is in force')
}

const yes = (reason: string, message: string): Judged => ({ status: 'True', reason, message })
const no = (reason: string, message: string): Judged => ({ status: 'False', reason, message })
const unknown = (reason: string, message: string): Judged => ({ status: 'Unknown', reason, message })

interface Counts {
  readonly requests: number
  readonly denied: number
  readonly masked: number
}

function sum(counts: readonly Counts[]): Counts {
  return counts.reduce(
    (total, each) => ({
      requests: total.requests + each.requests,
      denied: total.denied + each.denied,
      masked: total.masked + each.masked,
    }),
    { requests: 0, denied: 0, masked: 0 },
  )
}
