import type { ApprovalAsk, ApprovalState } from '@chaperone/api'
import { errorText, type Clock, type DenialReason } from '@chaperone/core'
import type { Logger } from 'pino'
import type { ApprovalJournal } from './approval-journal.ts'
import { createHeldAction, learn, outcomeAt, type ApprovalDirector, type HeldAction } from './held-action.ts'

export type HoldOutcome =
  | { readonly kind: 'pass'; readonly approval: ApprovalState }
  | {
      readonly kind: 'refuse'
      readonly reason: DenialReason
      readonly message: string
      readonly approval?: { readonly name: string; readonly retryAfterSeconds?: number }
    }

export interface HoldTerms {
  readonly holdMs: number
  /** Called when the action starts to wait, and again when it waits for another request. */
  readonly onHeld?: ((approvalName: string) => void) | undefined
}

/** Holds actions until a person has decided, the time is up, or the client is gone. */
export interface ApprovalGate {
  hold(ask: ApprovalAsk, terms: HoldTerms, signal: AbortSignal): Promise<HoldOutcome>
  /** News from the director. */
  learn(state: ApprovalState): void
  /** The event stream is back: whatever was decided meanwhile is asked for. */
  refresh(): void
  /** Cancels what nobody will wait for any more. */
  close(): Promise<void>
  /** Actions that wait now. */
  readonly open: number
}

/** Actions that wait at once; each keeps a connection and its payload. */
const maxHeld = 256
/** Questions whose clients are gone and may come back. */
const maxAbandoned = 64
/** How often one held action asks: again each time that the answer was used up by an identical one. */
const maxAsks = 8
/**
 * Clients give up after a minute or two, and agents think before they try again: only one that stays away so long is gone.
 * The reviewer's work is not thrown away before.
 */
const goneAfterMs = 5 * 60_000
const retryAfterSeconds = 15

interface Ports {
  readonly director: ApprovalDirector
  readonly journal: ApprovalJournal
  readonly clock: Clock
  readonly log: Logger
}

export function createApprovalGate(ports: Ports): ApprovalGate {
  const { director, journal, clock, log } = ports
  const byDigest = new Map<string, HeldAction>()
  let open = 0

  const cancel = async (held: HeldAction): Promise<void> => {
    held.grace?.abort()
    byDigest.delete(held.ask.action.digest)
    if (held.state === undefined || outcomeAt(held.state, clock.now()) !== 'Pending') return
    const { name } = held.state
    await director
      .cancel(name)
      .catch((error: unknown) => log.warn({ approval: name, error: errorText(error) }, 'not cancelled'))
  }
  const leave = (held: HeldAction, isGone: boolean): void => {
    open -= 1
    held.holders -= 1
    if (held.holders > 0) return
    // Answered as pending, or decided: the request lives on at the director, where the retry finds it.
    if (!isGone || held.state?.outcome !== 'Pending') return void byDigest.delete(held.ask.action.digest)
    held.grace = new AbortController()
    clock.sleep(goneAfterMs, held.grace.signal).then(
      () => cancel(held),
      () => undefined,
    )
    const abandoned = [...byDigest.values()].filter((each) => each.grace !== undefined)
    if (abandoned.length > maxAbandoned && abandoned[0] !== undefined) void cancel(abandoned[0])
  }
  const join = (ask: ApprovalAsk): HeldAction => {
    const held = byDigest.get(ask.action.digest) ?? createHeldAction(ask)
    // Whoever is abandoned next is the last in line again.
    byDigest.delete(ask.action.digest)
    byDigest.set(ask.action.digest, held)
    if (held.grace !== undefined) {
      held.grace.abort()
      held.grace = undefined
      // News may have been lost while nobody waited.
      if (held.state?.outcome === 'Pending') held.state = undefined
    }
    open += 1
    held.holders += 1
    return held
  }
  const spread = (state: ApprovalState): void => {
    const held = byDigest.get(state.digest)
    if (held !== undefined) learn(held, state)
    journal.learned(state, held?.ask)
  }

  return {
    get open() {
      return open
    },
    async hold(ask, terms, signal) {
      if (open >= maxHeld) return unavailable(`${maxHeld} actions wait already`)
      const held = join(ask)
      try {
        return await holdUntilDecided(ports, held, terms, signal)
      } finally {
        leave(held, signal.aborted)
      }
    },
    learn: spread,
    refresh() {
      for (const held of byDigest.values()) {
        if (held.holders === 0) continue
        director
          .ask(held.ask)
          .then(spread, (error: unknown) => log.warn({ error: errorText(error) }, 'approval not refreshed'))
      }
    },
    async close() {
      await Promise.all([...byDigest.values()].map(cancel))
    },
  }
}

async function holdUntilDecided(
  { director, journal, clock }: Ports,
  held: HeldAction,
  terms: HoldTerms,
  signal: AbortSignal,
): Promise<HoldOutcome> {
  const deadlineMs = clock.elapsedMs() + terms.holdMs
  let announced: string | undefined
  for (let asks = 0; asks < maxAsks && !signal.aborted;) {
    if (held.state === undefined) {
      if (!director.isConnected) return unavailable('the director is away')
      asks += 1
      try {
        held.asking ??= director.ask(held.ask).finally(() => (held.asking = undefined))
        const state = await held.asking
        learn(held, state)
        journal.learned(state, held.ask)
      } catch (error) {
        return unavailable(errorText(error))
      }
      continue
    }
    const state: ApprovalState = held.state
    const { name } = state
    switch (outcomeAt(state, clock.now())) {
      case 'Pending': {
        if (announced !== name) terms.onHeld?.(name)
        announced = name
        const leftMs = Math.min(deadlineMs - clock.elapsedMs(), Date.parse(state.expiresAt) - clock.now())
        if (deadlineMs - clock.elapsedMs() <= 0) return pending(name)
        await newsWithin(held, leftMs, { clock, signal })
        break
      }
      case 'Approved':
        try {
          if (await passOnce(director, held, state)) return { kind: 'pass', approval: state }
        } catch (error) {
          return unavailable(errorText(error))
        }
        break
      case 'Denied':
        return refusal(
          'ApprovalDenied',
          `${name} was denied${state.reason === undefined ? '' : `: ${state.reason}`}`,
          name,
        )
      case 'Expired':
        forget(held, state)
        return refusal('ApprovalExpired', `nobody decided ${name} in time`, name)
      case 'Cancelled':
        forget(held, state)
    }
  }
  return announced === undefined ? unavailable('the approval was used up by identical actions') : pending(announced)
}

/** One consumption, one pass. What was granted once is unknown again afterwards, so that the next one asks anew. */
function passOnce(director: ApprovalDirector, held: HeldAction, state: ApprovalState): Promise<boolean> {
  const turn = held.consuming.then(async () => {
    if (held.state !== state) return false
    const consumed = await director.consume(state.name)
    if (!consumed || state.grant === 'Once') forget(held, state)
    return consumed
  })
  held.consuming = turn.catch(() => undefined)
  return turn
}

function forget(held: HeldAction, state: ApprovalState): void {
  if (held.state === state) held.state = undefined
}

async function newsWithin(
  held: HeldAction,
  ms: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const woken = new AbortController()
  const wake = (): void => woken.abort()
  held.wake.add(wake)
  await clock.sleep(ms, AbortSignal.any([woken.signal, signal])).catch(() => undefined)
  held.wake.delete(wake)
}

function unavailable(why: string): HoldOutcome {
  return { kind: 'refuse', reason: 'ApprovalUnavailable', message: `approval cannot be asked for: ${why}` }
}

function pending(name: string): HoldOutcome {
  return {
    kind: 'refuse',
    reason: 'ApprovalPending',
    message: `${name} waits for a person`,
    approval: { name, retryAfterSeconds },
  }
}

function refusal(reason: DenialReason, message: string, name: string): HoldOutcome {
  return { kind: 'refuse', reason, message, approval: { name } }
}
