import type { ApprovalState } from '@chaperone/api'
import type { Clock } from '@chaperone/core'
import { outcomeAt } from './held-action.ts'

/** Approvals of this pod by name, for an agent that waits for a decision without repeating its request. */
export interface ApprovalBook {
  learned(state: ApprovalState): void
  /**
   * The approval as soon as it is no longer pending, or as it is after `waitMs` or when `signal` aborts; undefined when this
   * pod has none of this name. When many wait already, nobody waits longer.
   */
  watch(name: string, waitMs: number, signal: AbortSignal): Promise<ApprovalState | undefined>
}

/** Approvals remembered; a pod may have 20 waiting. */
const maxKnown = 1000
/** Each keeps a connection. */
const maxWatchers = 64

export function createApprovalBook(clock: Clock): ApprovalBook {
  const known = new Map<string, ApprovalState>()
  const watchers = new Map<AbortController, string>()

  const now = (name: string): ApprovalState | undefined => {
    const state = known.get(name)
    return state === undefined ? undefined : { ...state, outcome: outcomeAt(state, clock.now()) }
  }
  return {
    learned(state) {
      const before = known.get(state.name)
      // News overtake one another; nothing becomes pending again.
      if (before !== undefined && before.outcome !== 'Pending' && state.outcome === 'Pending') return
      known.delete(state.name)
      known.set(state.name, state)
      if (known.size > maxKnown) known.delete([...known.keys()][0] ?? '')
      for (const [watcher, name] of watchers) if (name === state.name) watcher.abort()
    },
    async watch(name, waitMs, signal) {
      const untilMs = clock.elapsedMs() + waitMs
      for (;;) {
        const state = now(name)
        const leftMs = untilMs - clock.elapsedMs()
        if (state?.outcome !== 'Pending' || leftMs <= 0 || signal.aborted || watchers.size >= maxWatchers) return state
        const news = new AbortController()
        watchers.set(news, name)
        await clock
          .sleep(Math.min(leftMs, Date.parse(state.expiresAt) - clock.now()), AbortSignal.any([news.signal, signal]))
          .catch(() => undefined)
        watchers.delete(news)
      }
    },
  }
}
