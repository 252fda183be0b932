/** A text that a rule masks is held whole, as its fields cannot be told otherwise; so much of it, and of what is recorded. */
export const maxMaskedMessageBytes = 4 * 1024 * 1024

/** In milliseconds. */
export interface WebSocketTimeouts {
  readonly idleMs: number
  readonly closeMs: number
}
export const webSocketTimeouts: WebSocketTimeouts = {
  /** Without a frame of either side. Most peers ping every minute. */
  idleMs: 10 * 60_000,
  /** From the first close frame to the end of both connections (RFC 6455 §7.1.1). */
  closeMs: 10_000,
}
