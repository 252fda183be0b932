import type { Clock } from '@chaperone/core'

/** Calls back once when nothing has been heard for a while. */
export interface Watchdog {
  heard(): void
  stop(): void
}

/** `onSilence` is called after `silenceMs` without `heard`, unless stopped first. */
export function createWatchdog(clock: Clock, silenceMs: number, onSilence: () => void): Watchdog {
  const stopped = new AbortController()
  let heardMs = clock.elapsedMs()
  const guard = async (): Promise<void> => {
    for (;;) {
      const remainingMs = heardMs + silenceMs - clock.elapsedMs()
      if (remainingMs <= 0) {
        onSilence()
        return
      }
      await clock.sleep(remainingMs, stopped.signal)
    }
  }
  guard().catch(() => undefined)
  return {
    heard() {
      heardMs = clock.elapsedMs()
    },
    stop: () => stopped.abort(),
  }
}
