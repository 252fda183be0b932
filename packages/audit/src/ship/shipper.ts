import type { Clock, Random } from '@chaperone/core'
import type { AuditLog } from '../log/audit-log.ts'
import type { AuditRecord } from '../record/audit-record.ts'
import type { SendResult, Sink } from './sink.ts'

/** One request to a collector stays well below its limit, which is 4 MiB in older ones; only a larger record makes a larger one. */
const batch = { records: 256, bytes: 2 * 1024 * 1024 } as const
/** How long a batch that is not full waits for more, so that it is worth its request. */
const lingerMs = 100
const firstRetryMs = 500
const maxRetryMs = 15_000
/** What was refused is tried again, slowly: it may be a collector that is being configured. */
const refusedRetryMs = 15_000

export interface Shipper {
  /** Why the last batch did not arrive; undefined while all is well. */
  readonly problem: string | undefined
  /** Resolves when everything up to the head at the time of the call has arrived, or at the deadline; says which. */
  flush(deadlineMs: number): Promise<boolean>
  stop(): Promise<void>
}

/** Ships the log in order, at least once: a batch is acknowledged when the sink has it, and nothing is skipped. */
export function createShipper(ports: { log: AuditLog; sink: Sink; clock: Clock; random: Random }): Shipper {
  const { log, sink, clock, random } = ports
  const stopped = new AbortController()
  let problem: string | undefined
  const arrived = new Set<() => void>()

  /** Read, and not arrived yet. */
  let records: readonly AuditRecord[] = []

  const pause = (ms: number): Promise<void> => clock.sleep(ms, stopped.signal).catch(() => undefined)
  const attempt = async (): Promise<SendResult> => {
    if (records.length === 0) records = await log.read(log.acknowledged, batch).catch(() => [])
    if (records.length === 0) return { kind: 'refused', message: 'the audit log cannot be read back' }
    return sink.send(log.resource, records, stopped.signal)
  }
  const run = async (): Promise<void> => {
    let retryMs = firstRetryMs
    for (;;) {
      await log.waitFor(log.acknowledged, stopped.signal)
      if (log.head.seq - log.acknowledged < batch.records) await pause(lingerMs)
      if (stopped.signal.aborted) return
      const result = await attempt()
      if (result.kind === 'sent') {
        log.acknowledge(records.at(-1)?.seq ?? 0)
        records = []
        problem = undefined
        retryMs = firstRetryMs
        for (const tell of arrived) tell()
        continue
      }
      problem = result.message
      const waitMs =
        result.kind === 'refused' ? refusedRetryMs : (result.afterMs ?? retryMs * (0.5 + random.fraction()))
      retryMs = Math.min(retryMs * 2, maxRetryMs)
      await pause(Math.min(waitMs, maxRetryMs))
    }
  }
  const running = run()

  return {
    get problem() {
      return problem
    },
    async flush(deadlineMs) {
      const target = log.head.seq
      const timeout = new AbortController()
      const late = clock.sleep(deadlineMs, timeout.signal).then(
        () => false,
        () => false,
      )
      let tell: () => void = () => undefined
      const done = new Promise<true>((resolve) => {
        tell = () => {
          if (log.acknowledged >= target) resolve(true)
        }
        arrived.add(tell)
        tell()
      })
      const result = await Promise.race([done, late])
      arrived.delete(tell)
      timeout.abort()
      return result
    },
    async stop() {
      stopped.abort()
      await running
    },
  }
}
