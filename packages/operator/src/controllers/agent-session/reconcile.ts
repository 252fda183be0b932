import { annotations, labels, type AgentSession, type ApprovalRequest } from '@chaperone/api'
import type { Clock } from '@chaperone/core'
import {
  isKubeError,
  type EventRecorder,
  type KubeClient,
  type KubeObject,
  type Reconcile,
  type Store,
} from '@chaperone/kube'
import { sessionPolicy, type Index } from '../../binding/session-policy.ts'
import { approvalState } from '../../control/hub.ts'
import type { Pod } from '../../inject/pod.ts'
import { agentSessions, type NetworkPolicy } from '../../resources.ts'
import { isSame } from '../conditions.ts'
import { createNetworkLimit } from './network-limit.ts'
import { sessionStatus } from './status.ts'

export interface SessionReconcilePorts {
  readonly client: KubeClient
  readonly clock: Clock
  readonly events: EventRecorder
  readonly index: Index
  readonly pods: Store<Pod & KubeObject>
  readonly approvals: Store<ApprovalRequest>
  readonly networkPolicies: Store<NetworkPolicy>
}

/** Time alone changes a status: sidecars fall silent. */
const recheckMs = 60_000
/** What the API server refused is asked again, while the status says so. */
const retryMs = 5000

/** Joins what is known of a session into its status; level-triggered and idempotent. */
export function createSessionReconcile(ports: SessionReconcilePorts): Reconcile {
  const { client, clock, events, index, pods, approvals } = ports
  const limit = createNetworkLimit(ports)
  return async (key) => {
    const [namespace = '', name = ''] = key.split('/')
    const session = index.session(namespace, name)
    if (session === undefined) return {}
    const policy = sessionPolicy(index, session)
    const live = pods
      .list(namespace)
      .filter((pod) => pod.metadata.annotations?.[annotations.sessionUid] === session.metadata.uid && !isOver(pod))
    const livePods = new Map(
      live.map((pod): [string, number] => [pod.metadata.uid ?? '', Date.parse(pod.metadata.creationTimestamp ?? '')]),
    )
    const proxied = live.filter((pod) => pod.metadata.labels?.[labels.interception] === 'Proxy')
    const unlimited = proxied.length === 0 ? undefined : await limit(session, proxied)
    const pending = approvals
      .list(namespace)
      .filter(
        (request) =>
          request.spec.sessionRef.uid === session.metadata.uid && approvalState(request).outcome === 'Pending',
      ).length
    const guardless = {
      uids: new Set(proxied.map((pod) => pod.metadata.uid ?? '')),
      ...(unlimited === undefined ? {} : { unlimited }),
    }
    const status = sessionStatus(session, { policy, livePods, guardless, pending }, clock.now())
    if (!isSame(status, session.status)) {
      try {
        await client.update(agentSessions, { ...session, status }, { subresource: 'status' })
        announce(events, session, status)
      } catch (error) {
        if (isKubeError(error, 'ERR_KUBE_CONFLICT', 'ERR_KUBE_NOT_FOUND')) return { requeueAfterMs: 500 }
        throw error
      }
    }
    return { requeueAfterMs: Math.min(unlimited === undefined ? recheckMs : retryMs, leftMs(status, clock.now())) }
  }
}

/** Until the session expires, which it does once. */
function leftMs({ expiresAt }: NonNullable<AgentSession['status']>, nowMs: number): number {
  const left = expiresAt === undefined ? Infinity : Date.parse(expiresAt) - nowMs
  return left > 0 ? left : Infinity
}

function isOver(pod: Pod): boolean {
  const phase = (pod['status'] as { phase?: string } | undefined)?.phase
  return phase === 'Succeeded' || phase === 'Failed'
}

function announce(events: EventRecorder, session: AgentSession, status: NonNullable<AgentSession['status']>): void {
  for (const condition of status.conditions ?? []) {
    const before = session.status?.conditions?.find((each) => each.type === condition.type)
    if (before?.status === condition.status && before.reason === condition.reason) continue
    const bad = condition.type === 'Expired' ? condition.status === 'True' : condition.status === 'False'
    events.record({
      regarding: session,
      type: bad ? 'Warning' : 'Normal',
      reason: condition.reason,
      action: 'Reconcile',
      note: `${condition.type}: ${condition.message}`,
    })
  }
}
