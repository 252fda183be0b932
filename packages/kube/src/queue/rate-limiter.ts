import type { Clock } from '@chaperone/core'
import { createTokenBucket } from './token-bucket.ts'

/** How long a key that failed must wait. */
export interface RateLimiter {
  /** Counts a failure of `key` and returns its delay in milliseconds. */
  nextDelayMs(key: string): number
  /** Failures of `key` since it was last forgotten. */
  failures(key: string): number
  forget(key: string): void
}

/** client-go DefaultTypedControllerRateLimiter: 5 ms · 2ⁿ per key, at most 1000 s … */
const itemBaseMs = 5
const itemMaxMs = 1_000_000
/** … and 10 a second over all keys, with a burst of 100. The larger delay counts. */
const overall = { burst: 100, perSecond: 10 }

/** The default limiter of controllers. Holds one number for each key that fails. */
export function createRateLimiter(clock: Clock): RateLimiter {
  const failures = new Map<string, number>()
  const bucket = createTokenBucket(clock, overall)
  return {
    nextDelayMs(key) {
      const before = failures.get(key) ?? 0
      failures.set(key, before + 1)
      return Math.max(Math.min(itemBaseMs * 2 ** before, itemMaxMs), bucket.reserveMs())
    },
    failures: (key) => failures.get(key) ?? 0,
    forget: (key) => void failures.delete(key),
  }
}
