import type { Heartbeat } from '@chaperone/api'

/** What a pod reports of its work. Counts from the start of the process. */
export interface Counters {
  /** An action was judged, or a connection refused before there was one. */
  judged(decision: 'pass' | 'deny'): void
  masked(values: number): void
  /** Actions that passed, for the session's limit. */
  readonly passed: number
  readonly snapshot: Heartbeat['counters']
}

export function createCounters(): Counters {
  let [passed, denied, masked] = [0, 0, 0]
  return {
    judged(decision) {
      if (decision === 'pass') passed += 1
      else denied += 1
    },
    masked: (values) => void (masked += values),
    get passed() {
      return passed
    },
    get snapshot() {
      return { requests: passed + denied, denied, masked }
    },
  }
}
