import type { ApprovalRequest, ApprovalState, ControlEvent } from '@chaperone/api'
import type { PodRef } from '@chaperone/core'

/** One sidecar that listens, and how to speak to it. */
export interface Listener {
  readonly pod: PodRef
  /** `namespace/name` and uid of the session that the pod is bound to. */
  readonly sessionKey: string
  readonly sessionUid: string
  readonly send: (event: ControlEvent) => void
}

/** Most sidecars one replica serves; a pod more is told to try another replica. */
export const maxListeners = 10_000

/** Who listens on this replica. Every event goes at once to those whom it concerns. */
export interface Hub {
  /** Undefined when the replica is full. Returns the way to stop. */
  add(listener: Listener): (() => void) | undefined
  /** `event` is made for each listener: a policy event names the pod, and a new incarnation of a session is not the old one's. */
  toSession(sessionKey: string, event: (listener: Listener) => ControlEvent): void
  toPod(podUid: string, event: ControlEvent): void
  toAll(event: ControlEvent): void
  readonly size: number
}

export function createHub(): Hub {
  const listeners = new Set<Listener>()
  return {
    add(listener) {
      if (listeners.size >= maxListeners) return undefined
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    toSession(sessionKey, event) {
      for (const listener of listeners) if (listener.sessionKey === sessionKey) listener.send(event(listener))
    },
    toPod(podUid, event) {
      for (const listener of listeners) if (listener.pod.uid === podUid) listener.send(event)
    },
    toAll(event) {
      for (const listener of listeners) listener.send(event)
    },
    get size() {
      return listeners.size
    },
  }
}

/** What a sidecar is told of an ApprovalRequest. */
export function approvalState(request: ApprovalRequest): ApprovalState {
  const conditions = request.status?.conditions ?? []
  const decided = conditions.find((condition) => condition.type === 'Decided')
  const { decision, expiresAt, action, grant } = request.spec
  return {
    name: request.metadata.name,
    digest: action.digest,
    // The decision itself is authoritative and set once; the condition only adds the outcomes that no person made.
    outcome:
      decision?.verdict ??
      (decided?.reason === 'Expired' || decided?.reason === 'Cancelled' ? decided.reason : 'Pending'),
    grant,
    consumed: conditions.some((condition) => condition.type === 'Consumed' && condition.status === 'True'),
    expiresAt,
    ...(decision?.by === undefined ? {} : { by: decision.by }),
    ...(decision?.reason === undefined ? {} : { reason: decision.reason }),
  }
}
