import type { AgentSession, ApprovalAsk, ApprovalRequest, ApprovalState } from '@chaperone/api'
import { CodedError, type Clock } from '@chaperone/core'
import { approvalName, approvalObject } from './approval-object.ts'
import type { Caller } from './caller.ts'
import { approvalState } from './hub.ts'

/** ApprovalRequests as this service needs them; conflicts surface as `false` or the object that was there first. */
export interface ApprovalStore {
  /** Straight from the API server: a cache would let two replicas disagree. */
  readonly get: (namespace: string, name: string) => Promise<ApprovalRequest | undefined>
  /** The existing object when the name is taken. */
  readonly createOrGet: (request: ApprovalRequest) => Promise<ApprovalRequest>
  /** Sets a condition if the object is still the one that was read; false on a conflict. */
  readonly setCondition: (
    request: ApprovalRequest,
    condition: { type: 'Decided' | 'Consumed'; reason: string; message: string },
  ) => Promise<boolean>
}

export class ApprovalConflict extends CodedError<
  'ERR_APPROVAL_LIMIT' | 'ERR_APPROVAL_NOT_FOUND' | 'ERR_APPROVAL_NOT_USABLE'
> {}

/** Most requests that one pod may have waiting; more would bury the reviewer. */
export const maxPendingPerPod = 20

/** How often an act may be asked again under one session. */
const maxRounds = 1000

export interface Approvals {
  ask(caller: Caller, session: AgentSession, ask: ApprovalAsk): Promise<ApprovalState>
  /** Uses an approval up; of several callers exactly one succeeds for grant Once. */
  consume(caller: Caller, name: string): Promise<void>
  cancel(caller: Caller, name: string): Promise<void>
}

export function createApprovals(store: ApprovalStore, pending: (podUid: string) => number, clock: Clock): Approvals {
  const owned = async (caller: Caller, name: string): Promise<ApprovalRequest> => {
    const request = await store.get(caller.pod.namespace, name)
    if (request?.spec.podRef.uid !== caller.pod.uid)
      throw new ApprovalConflict('ERR_APPROVAL_NOT_FOUND', `approval ${name}: this pod has no such request`)
    return request
  }
  return {
    async ask(caller, session, ask) {
      for (let round = 1; round <= maxRounds; round++) {
        const name = approvalName(session.metadata.name, ask.action.digest, round)
        const present = await store.get(caller.pod.namespace, name)
        if (present === undefined && pending(caller.pod.uid) >= maxPendingPerPod)
          throw new ApprovalConflict('ERR_APPROVAL_LIMIT', `this pod already has ${maxPendingPerPod} requests waiting`)
        const request =
          present ?? (await store.createOrGet(approvalObject(ask, caller, session, { nowMs: clock.now(), round })))
        if (isSameAct(request, caller, ask) && !isUsedUp(request, session, clock.now())) return approvalState(request)
      }
      throw new ApprovalConflict('ERR_APPROVAL_LIMIT', `the same act was asked ${maxRounds} times`)
    },
    async consume(caller, name) {
      const request = await owned(caller, name)
      const state = approvalState(request)
      const usable = state.outcome === 'Approved' && Date.parse(state.expiresAt) > clock.now()
      if (!usable || (state.consumed && state.grant === 'Once'))
        throw new ApprovalConflict('ERR_APPROVAL_NOT_USABLE', `approval ${name}: not approved, expired or used already`)
      if (state.consumed) return
      const set = await store.setCondition(request, {
        type: 'Consumed',
        reason: 'Forwarded',
        message: 'the action was let through',
      })
      if (!set && state.grant === 'Once')
        throw new ApprovalConflict('ERR_APPROVAL_NOT_USABLE', `approval ${name}: changed meanwhile`)
    },
    async cancel(caller, name) {
      const request = await owned(caller, name)
      if (approvalState(request).outcome === 'Pending')
        await store.setCondition(request, {
          type: 'Decided',
          reason: 'Cancelled',
          message: 'the agent no longer waits',
        })
    },
  }
}

/** Names hold only the beginning of a digest, which an agent can make collide: an answer counts for the act it was given for. */
function isSameAct({ spec }: ApprovalRequest, caller: Caller, ask: ApprovalAsk): boolean {
  return spec.action.digest === ask.action.digest && spec.podRef.uid === caller.pod.uid
}

/** A request that can give nothing any more, so that the act must be asked anew. */
function isUsedUp(request: ApprovalRequest, session: AgentSession, nowMs: number): boolean {
  const state = approvalState(request)
  if (request.spec.sessionRef.uid !== session.metadata.uid) return true
  if (state.outcome === 'Expired' || state.outcome === 'Cancelled' || Date.parse(state.expiresAt) <= nowMs) return true
  return state.consumed && state.grant === 'Once'
}
