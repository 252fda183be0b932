import type { ApprovalAsk, ApprovalState } from '@chaperone/api'
import { CodedError, type Clock } from '@chaperone/core'

/** One request on a laptop, with what a person needs to decide. */
export interface LocalApproval {
  /** Of the session that asks. */
  readonly agent: string
  readonly state: ApprovalState
  readonly ask: ApprovalAsk
  readonly askedAtMs: number
}

export class ApprovalBookError extends CodedError<
  'ERR_APPROVAL_NOT_FOUND' | 'ERR_APPROVAL_NOT_USABLE' | 'ERR_APPROVAL_DECIDED'
> {}

/** Requests of one run, in memory: the same rules as ApprovalRequest objects have, without a cluster. */
export interface ApprovalBook {
  ask(ask: ApprovalAsk): LocalApproval
  decide(name: string, verdict: 'Approved' | 'Denied', by: string, reason: string | undefined): LocalApproval
  consume(name: string): void
  cancel(name: string): void
  list(): readonly LocalApproval[]
}

/** A run that asks more often than this is broken. */
const maxApprovals = 1000

export function createApprovalBook(
  session: { readonly name: string; readonly agent: string },
  clock: Clock,
  changed: (approval: LocalApproval, before: LocalApproval | undefined) => void,
): ApprovalBook {
  const approvals = new Map<string, LocalApproval>()
  const set = (approval: LocalApproval): LocalApproval => {
    const before = approvals.get(approval.state.name)
    approvals.set(approval.state.name, approval)
    changed(approval, before)
    return approval
  }
  const find = (name: string): LocalApproval => {
    const approval = approvals.get(name)
    if (approval === undefined)
      throw new ApprovalBookError('ERR_APPROVAL_NOT_FOUND', `approval "${name}" does not exist`)
    return withExpiry(approval)
  }
  const withExpiry = (approval: LocalApproval): LocalApproval =>
    approval.state.outcome === 'Pending' && Date.parse(approval.state.expiresAt) <= clock.now()
      ? set({ ...approval, state: { ...approval.state, outcome: 'Expired' } })
      : approval
  const isUsedUp = ({ state }: LocalApproval): boolean =>
    state.outcome === 'Expired' ||
    state.outcome === 'Cancelled' ||
    Date.parse(state.expiresAt) <= clock.now() ||
    (state.consumed && state.grant === 'Once')
  return {
    ask(ask) {
      const open = [...approvals.values()].find(
        (approval) => approval.state.digest === ask.action.digest && !isUsedUp(approval),
      )
      if (open !== undefined) return open
      if (approvals.size >= maxApprovals)
        throw new ApprovalBookError('ERR_APPROVAL_NOT_USABLE', `a run asks at most ${maxApprovals} times`)
      const round = [...approvals.values()].filter((approval) => approval.state.digest === ask.action.digest).length
      const name = `${session.name.slice(0, 48)}-${ask.action.digest.slice(0, 10)}${round === 0 ? '' : `-${round + 1}`}`
      const expiresAt = new Date(clock.now() + ask.expiresInMs).toISOString()
      return set({
        agent: session.agent,
        ask,
        askedAtMs: clock.now(),
        state: { name, digest: ask.action.digest, outcome: 'Pending', grant: ask.grant, consumed: false, expiresAt },
      })
    },
    decide(name, verdict, by, reason) {
      const approval = find(name)
      if (approval.state.outcome !== 'Pending')
        throw new ApprovalBookError(
          'ERR_APPROVAL_DECIDED',
          `approval request "${name}" is ${standing(approval)} already`,
        )
      return set({
        ...approval,
        state: { ...approval.state, outcome: verdict, by, ...(reason === undefined ? {} : { reason }) },
      })
    },
    consume(name) {
      const approval = find(name)
      const { state } = approval
      if (
        state.outcome !== 'Approved' ||
        Date.parse(state.expiresAt) <= clock.now() ||
        (state.consumed && state.grant === 'Once')
      ) {
        throw new ApprovalBookError(
          'ERR_APPROVAL_NOT_USABLE',
          `approval "${name}" is not approved, expired or used already`,
        )
      }
      if (!state.consumed) set({ ...approval, state: { ...state, consumed: true } })
    },
    cancel(name) {
      const approval = find(name)
      if (approval.state.outcome === 'Pending') set({ ...approval, state: { ...approval.state, outcome: 'Cancelled' } })
    },
    list: () => [...approvals.values()].map(withExpiry),
  }
}

function standing({ state }: LocalApproval): string {
  return state.consumed ? 'approved and used' : state.outcome.toLowerCase()
}
