import type { ApprovalRequest, ApprovalState, ControlEvent } from '@chaperone/api'
import type { Caller } from './caller.ts'

/** One sidecar that listens, and how to speak to it. */
export interface Listener {
  readonly caller: Caller
  readonly send: (event: ControlEvent) => void
  /** Ends the stream: the sidecar reconnects, and is told everything anew. */
  readonly end: () => void
}

/** Most sidecars one replica serves; a pod more is told to try another replica. */
export const maxListeners = 10_000

/** Who listens on this replica. Every event goes at once to those whom it concerns. */
export interface Hub {
  /**
   * Returns the way to stop; undefined when the replica is full. A pod has one listener: a new one ends the one before,
   * so that no pod can take the places of others.
   */
  add(listener: Listener): (() => void) | undefined
  /** `event` is made for each pod that was bound to a session of this name: not all may belong to the present one. */
  toSession(namespace: string, name: string, event: (caller: Caller) => ControlEvent): void
  toPod(podUid: string, event: ControlEvent): void
  toAll(event: ControlEvent): void
  /** Ends every stream and takes no more. */
  close(): void
  readonly size: number
}

export function createHub(): Hub {
  const listeners = new Map<string, Listener>()
  let closed = false
  return {
    add(listener) {
      const { uid } = listener.caller.pod
      const before = listeners.get(uid)
      if (closed || (before === undefined && listeners.size >= maxListeners)) return undefined
      listeners.set(uid, listener)
      before?.end()
      return () => {
        if (listeners.get(uid) === listener) listeners.delete(uid)
      }
    },
    toSession(namespace, name, event) {
      for (const listener of listeners.values()) {
        const { pod, session } = listener.caller
        if (pod.namespace === namespace && session.name === name) listener.send(event(listener.caller))
      }
    },
    toPod: (podUid, event) => listeners.get(podUid)?.send(event),
    toAll(event) {
      for (const listener of listeners.values()) listener.send(event)
    },
    close() {
      closed = true
      for (const listener of listeners.values()) listener.end()
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
