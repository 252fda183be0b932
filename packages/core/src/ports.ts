/** Time, as a port, so that tests own it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Nanoseconds since the Unix epoch; never goes backwards. */
  nowNs(): bigint
  /** Monotonic milliseconds, for durations. */
  elapsedMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Randomness, as a port. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number
  bytes(count: number): Uint8Array
}
