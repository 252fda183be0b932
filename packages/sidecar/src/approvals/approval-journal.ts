import type { ApprovalAsk, ApprovalState } from '@chaperone/api'
import { errorText, type Clock } from '@chaperone/core'
import type { Logger } from 'pino'
import type { Recorder } from '../engine/engine.ts'
import { outcomeAt } from './held-action.ts'

/** Requests whose end is still to be recorded, or was lately. */
const maxKnown = 1000

export interface ApprovalJournal {
  /** Records the first sight of a request of ours, and its end once. `ask` is known for those that somebody waits for. */
  learned(state: ApprovalState, ask: ApprovalAsk | undefined): void
}

interface Known {
  readonly ask: ApprovalAsk
  readonly sinceMs: number
  decided: boolean
}

export function createApprovalJournal(recorder: Recorder, clock: Clock, log: Logger): ApprovalJournal {
  const known = new Map<string, Known>()
  const append = (...record: Parameters<Recorder['append']>): void => {
    recorder
      .append(...record)
      .catch((error: unknown) => log.warn({ error: errorText(error) }, 'an approval was not recorded'))
  }
  return {
    learned(state, ask) {
      let entry = known.get(state.name)
      if (entry === undefined) {
        // After a restart the director tells of requests that nobody here has made yet.
        if (ask === undefined) return
        entry = { ask, sinceMs: clock.now(), decided: false }
        known.set(state.name, entry)
        if (known.size > maxKnown) known.delete([...known.keys()][0] ?? '')
        append('approval.requested', {
          ...attributesOf(state, entry.ask),
          'chaperone.approval.summary': entry.ask.action.summary,
          'chaperone.approval.expires_at': state.expiresAt,
        })
      }
      const outcome = outcomeAt(state, clock.now())
      if (outcome === 'Pending' || entry.decided) return
      entry.decided = true
      append('approval.decided', {
        ...attributesOf(state, entry.ask),
        'chaperone.approval.outcome': outcome,
        'chaperone.approval.approver': state.by,
        'chaperone.approval.reason': state.reason,
        'chaperone.approval.wait_ms': clock.now() - entry.sinceMs,
      })
    },
  }
}

function attributesOf(state: ApprovalState, { rule, action }: ApprovalAsk) {
  return {
    'chaperone.approval.id': state.name,
    'chaperone.approval.digest': action.digest,
    'chaperone.approval.grant': state.grant,
    'security_rule.name': rule,
  }
}
