import type { ControlEvent } from '@chaperone/api'
import { errorText, type Clock, type DenialReason, type PodRef } from '@chaperone/core'
import { compilePolicy, type CompiledPolicy } from '@chaperone/policy'
import type { Logger } from 'pino'
import type { Containment } from '../verify/containment.ts'
import type { PolicyHolder } from './engine.ts'
import { sqlParser } from './sql-parser.ts'

/** The holder, as its owner sees it. */
export interface DirectedPolicyHolder extends PolicyHolder {
  apply(event: Extract<ControlEvent, { type: 'policy' | 'unbound' }>): void
  /** What may pass has changed for another reason than the policy. */
  reconsider(): void
  /** Whether the director has said anything, be it that the pod belongs to no session. */
  readonly isDirected: boolean
  close(): void
}

/** Timers cannot wait longer (HTML Standard: a signed 32-bit integer of milliseconds). */
const maxTimerMs = 2 ** 31 - 1

/**
 * Holds the last good policy. Before the first one, once unbound, and while the pod is not known to be contained, everything
 * is denied.
 */
export function createPolicyHolder(ports: {
  readonly clock: Clock
  readonly log: Logger
  readonly containment: Pick<Containment, 'isRefusing'>
}): DirectedPolicyHolder {
  const { clock, log, containment } = ports
  const listeners = new Set<(policy: CompiledPolicy | undefined) => void>()
  let current: CompiledPolicy | undefined
  let pod: PodRef | undefined
  let without: { readonly reason: DenialReason; readonly message: string } = {
    reason: 'PolicyUnavailable',
    message: 'no policy has been received yet',
  }
  let isDirected = false
  let expiry: NodeJS.Timeout | undefined

  const notify = (): void => {
    for (const listener of listeners) {
      try {
        listener(current)
      } catch (error) {
        log.error({ error: errorText(error) }, 'a listener to policy changes failed')
      }
    }
  }
  /** What is open is judged again when the session ends by the clock, which no event announces. */
  const watchExpiry = (): void => {
    clearTimeout(expiry)
    const expiresAt = current?.source.expiresAt
    if (expiresAt === undefined) return
    const leftMs = Date.parse(expiresAt) - clock.now()
    if (leftMs <= 0) return
    // A timer may fire before the wall clock says so (rounding, a clock set back): whoever is told then finds no reason to end.
    const look = (): void => {
      if (Date.parse(expiresAt) > clock.now()) watchExpiry()
      else notify()
    }
    expiry = setTimeout(look, Math.min(leftMs, maxTimerMs)).unref()
  }

  return {
    get current() {
      return current
    },
    get pod() {
      return pod
    },
    get isDirected() {
      return isDirected
    },
    // Of what was found, an agent that could use it is told nothing.
    peek: (action) =>
      containment.isRefusing
        ? { kind: 'deny', reason: 'NotContained', message: 'this pod is not known to be contained' }
        : (current?.evaluate(action, clock.now()) ?? { kind: 'deny', ...without }),
    reconsider: notify,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    apply(event) {
      isDirected = true
      if (event.type === 'unbound') {
        current = undefined
        without = { reason: 'SessionEnded', message: event.message }
      } else if (event.policy.hash !== current?.source.hash || pod?.uid !== event.pod.uid) {
        try {
          current = compilePolicy(event.policy)
          pod = event.pod
          if (current.needsSqlParser)
            void sqlParser().catch((error: unknown) => log.error({ error: errorText(error) }, 'no SQL parser'))
        } catch (error) {
          // A policy that we cannot read is not the one that was in force before.
          current = undefined
          without = { reason: 'PolicyUnavailable', message: 'the policy received cannot be compiled' }
          log.error({ error: errorText(error) }, without.message)
        }
      } else return
      watchExpiry()
      notify()
    },
    close() {
      clearTimeout(expiry)
      listeners.clear()
    },
  }
}
