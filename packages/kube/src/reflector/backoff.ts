import type { Random } from '@chaperone/core'

/** Delays between attempts that keep failing. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt. */
  nextMs(): number
  /** The attempts succeed again. */
  reset(): void
}

/**
 * Decorrelated jitter (M. Brooker, "Exponential Backoff And Jitter"): each delay is uniform between `baseMs` and three
 * times the one before, at most `capMs`. Clients that failed together do not come back together.
 */
export function createBackoff(random: Random, limits: { readonly baseMs: number; readonly capMs: number }): Backoff {
  const { baseMs, capMs } = limits
  let previousMs = baseMs
  return {
    nextMs() {
      previousMs = Math.min(capMs, baseMs + random.fraction() * (previousMs * 3 - baseMs))
      return previousMs
    },
    reset() {
      previousMs = baseMs
    },
  }
}
