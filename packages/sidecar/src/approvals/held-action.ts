import type { ApprovalAsk, ApprovalState } from '@chaperone/api'

/** The director, as far as approvals go. Every method rejects with ControlError when it is away. */
export interface ApprovalDirector {
  /** Whether decisions can reach us now. */
  readonly isConnected: boolean
  /** The same digest gives the same request, until it is used up. */
  ask(ask: ApprovalAsk): Promise<ApprovalState>
  /** Uses an approval for one pass. False: not approved, used already, or gone. */
  consume(name: string): Promise<boolean>
  cancel(name: string): Promise<void>
}

/** One act that waits, and everybody who waits for it: identical requests share one question. */
export interface HeldAction {
  readonly ask: ApprovalAsk
  /** What is known of the answer; undefined before it was asked, and after it was used up. */
  state: ApprovalState | undefined
  asking: Promise<ApprovalState> | undefined
  /** Uses of the answer happen one after another: one consumption is one pass. */
  consuming: Promise<unknown>
  holders: number
  /** Present while nobody waits: ends the time within which the client may come back. */
  grace: AbortController | undefined
  readonly wake: Set<() => void>
}

export function createHeldAction(ask: ApprovalAsk): HeldAction {
  return {
    ask,
    state: undefined,
    asking: undefined,
    consuming: Promise.resolve(),
    holders: 0,
    grace: undefined,
    wake: new Set(),
  }
}

/** Takes news over, whatever way it came, unless something newer of the same request is known. Wakes all holders. */
export function learn(held: HeldAction, state: ApprovalState): void {
  const isOld = held.state?.name === state.name && held.state.outcome !== 'Pending' && state.outcome === 'Pending'
  if (!isOld) held.state = state
  for (const wake of held.wake) wake()
}

/** The outcome by our own clock: whatever the director says, an expired request is good for nothing. */
export function outcomeAt(state: ApprovalState, nowMs: number): ApprovalState['outcome'] {
  const isOver = Date.parse(state.expiresAt) <= nowMs
  return isOver && (state.outcome === 'Pending' || state.outcome === 'Approved') ? 'Expired' : state.outcome
}
