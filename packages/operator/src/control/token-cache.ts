import { sha256Hex, type Clock } from '@chaperone/core'
import type { TokenReviewStatus } from './caller.ts'

/** A heartbeat every few seconds from every pod would otherwise be a TokenReview each. */
export const maxAgeMs = 60_000
export const maxTokens = 20_000

/** Remembers what the API server said of a token, for a minute; keyed by its hash, so that no token stays in memory. */
export function withTokenCache(
  review: (token: string, audiences: readonly string[]) => Promise<TokenReviewStatus>,
  clock: Clock,
): typeof review {
  const known = new Map<string, { readonly status: TokenReviewStatus; readonly untilMs: number }>()
  return async (token, audiences) => {
    const key = sha256Hex(token)
    const hit = known.get(key)
    if (hit !== undefined && hit.untilMs > clock.elapsedMs()) return hit.status
    const status = await review(token, audiences)
    if (known.size >= maxTokens) known.clear()
    if (status.authenticated === true) known.set(key, { status, untilMs: clock.elapsedMs() + maxAgeMs })
    return status
  }
}
