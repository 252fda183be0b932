import type { Clock } from '@chaperone/core'

/** Whether it has aborted; a function, so that the type checker does not remember the answer across an await. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

/** Resolves when the signal aborts. */
export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Sleeps, but no longer than until the signal aborts; never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return clock.sleep(ms, signal).catch(() => undefined)
}
