import { join } from 'node:path'
import { errorText } from '@chaperone/core'
import type { Logger } from 'pino'
import { readIfPresent } from '../files/read-if-present.ts'
import { writeAtomically } from '../files/write-atomically.ts'

/** What the last self-test found. */
export interface ContainmentReport {
  readonly ok: boolean
  readonly message: string
}

export interface Containment {
  readonly current: ContainmentReport
  report(report: ContainmentReport): Promise<void>
}

/** Bound of `status.pods[].containedMessage`. */
const maxMessage = 512
const unknown: ContainmentReport = { ok: false, message: 'the self-test has not reported yet' }

/** Keeps what `verify` reported: it runs once for a pod, the sidecar perhaps several times. */
export async function openContainment(privateDir: string, onChange: () => void, log: Logger): Promise<Containment> {
  const path = join(privateDir, 'containment.json')
  const kept = await readIfPresent(path)
  let current = (kept === undefined ? undefined : parseReport(kept)) ?? unknown
  return {
    get current() {
      return current
    },
    async report(report) {
      current = report
      onChange()
      if (!report.ok) log.error({ found: report.message }, 'the pod is not contained')
      await writeAtomically(path, JSON.stringify(report), 0o600).catch((error: unknown) =>
        log.warn({ error: errorText(error) }, 'the result of the self-test was not kept'),
      )
    },
  }
}

/** Undefined for what is no report. */
export function parseReport(text: string): ContainmentReport | undefined {
  try {
    const { ok, message } = JSON.parse(text) as Partial<Record<string, unknown>>
    return typeof ok === 'boolean' && typeof message === 'string'
      ? { ok, message: message.slice(0, maxMessage) }
      : undefined
  } catch {
    return undefined
  }
}
