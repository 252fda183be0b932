import type { Clock } from '@chaperone/core'

/** Permits that refill at a steady rate. */
export interface TokenBucket {
  /** Takes one permit, now or from the future. Returns the milliseconds until it is valid. */
  reserveMs(): number
  /** Takes one permit if one is there. */
  tryTake(): boolean
}

/** Starts full with `burst` permits and refills at `perSecond`. */
export function createTokenBucket(
  clock: Clock,
  rate: { readonly burst: number; readonly perSecond: number },
): TokenBucket {
  let tokens = rate.burst
  let filledMs = clock.elapsedMs()
  const refill = (): void => {
    const nowMs = clock.elapsedMs()
    tokens = Math.min(rate.burst, tokens + ((nowMs - filledMs) / 1000) * rate.perSecond)
    filledMs = nowMs
  }
  return {
    reserveMs() {
      refill()
      tokens -= 1
      return tokens >= 0 ? 0 : (-tokens / rate.perSecond) * 1000
    },
    tryTake() {
      refill()
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
