import type { Heartbeat } from '@chaperone/api'
import { errorText, type Clock } from '@chaperone/core'
import type { Logger } from 'pino'

export interface HeartbeatLoop {
  /** Something of weight has changed: report soon. Several calls are one report. */
  nudge(): void
  /** Reports a last time. */
  close(): Promise<void>
}

const intervalMs = 3000
/** Changes within this long are one report. */
const gatherMs = 100

export function createHeartbeatLoop(ports: {
  readonly send: (heartbeat: Heartbeat, signal: AbortSignal) => Promise<void>
  readonly snapshot: () => Heartbeat
  readonly clock: Clock
  readonly log: Logger
}): HeartbeatLoop {
  const { send, snapshot, clock, log } = ports
  const stopped = new AbortController()
  let nudged = new AbortController()
  let wasHeard = true

  const report = async (signal: AbortSignal): Promise<void> => {
    try {
      await send(snapshot(), signal)
      wasHeard = true
    } catch (error) {
      if (wasHeard && !stopped.signal.aborted) log.warn({ error: errorText(error) }, 'heartbeats do not arrive')
      wasHeard = false
    }
  }
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(intervalMs, AbortSignal.any([nudged.signal, stopped.signal])).catch(() => undefined)
      if (nudged.signal.aborted) await clock.sleep(gatherMs, stopped.signal).catch(() => undefined)
      nudged = new AbortController()
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while we wait
      if (!stopped.signal.aborted) await report(stopped.signal)
    }
  }
  const running = run()
  return {
    nudge: () => nudged.abort(),
    async close() {
      stopped.abort()
      await running
      await report(AbortSignal.timeout(gatherMs * 10))
    },
  }
}
