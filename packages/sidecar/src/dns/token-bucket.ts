import type { Clock } from '@chaperone/core'

export interface TokenBucket {
  /** Whether one more may pass now. */
  take(): boolean
}

/** `perSecond` on average, `burst` at once. */
export function createTokenBucket(
  clock: Clock,
  { perSecond, burst }: { perSecond: number; burst: number },
): TokenBucket {
  let tokens = burst
  let filledMs = clock.elapsedMs()
  return {
    take() {
      const nowMs = clock.elapsedMs()
      tokens = Math.min(burst, tokens + ((nowMs - filledMs) / 1000) * perSecond)
      filledMs = nowMs
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
