import type { Clock } from '@chaperone/core'

export interface Deadline {
  readonly timeoutMs: number
  /** What the work is aborted with when the time is up. */
  readonly timeoutError: () => Error
  /** The caller's. */
  readonly signal: AbortSignal | undefined
}

/** Runs `work` with a signal that aborts when the caller's does or when the time is up; rejects with the reason then. */
export async function withDeadline<T>(
  clock: Clock,
  { timeoutMs, timeoutError, signal }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const timer = new AbortController()
  const forward = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', forward, { once: true })
  clock.sleep(timeoutMs, timer.signal).then(
    () => controller.abort(timeoutError()),
    () => undefined,
  )
  try {
    return await work(controller.signal)
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason
    throw error
  } finally {
    timer.abort()
    signal?.removeEventListener('abort', forward)
  }
}
