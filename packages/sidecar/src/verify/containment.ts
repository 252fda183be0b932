import { readFileSync } from 'node:fs'
import type { Contained } from '@chaperone/api'
import type { Clock } from '@chaperone/core'
import type { Logger } from 'pino'
import { parseReport, reportPath, type SelfTestReport } from './self-test-report.ts'

/** Whether the pod is known to be contained, by what verify reports again and again. */
export interface Containment {
  /** As it stands now. */
  readonly current: Contained
  /** Nothing may pass: verify runs in this pod, and its last word is bad, too old or missing. */
  readonly isRefusing: boolean
  /** Runs when there is another reason or another finding. */
  onChange(listener: (contained: Contained) => void): void
  close(): void
}

export interface ContainmentOptions {
  /** Undefined where no verify runs, as on a laptop: then nothing is refused, and nothing is known. */
  readonly verifyDir: string | undefined
  readonly periodMs: number
}

/** A report counts for this many periods: the kubelet may be restarted, the node be busy. */
const periodsUntilOverdue = 3
/** How soon a bad report stops what is open. */
const lookIntervalMs = 1000

/** Where there is no guard no test could make a pod contained, and nothing is refused for the want of one. */
export const uncontained: Containment = {
  current: {
    ok: false,
    reason: 'ProxyMode',
    message: 'no guard: traffic that ignores the proxy variables is neither seen nor stopped',
  },
  isRefusing: false,
  onChange: () => undefined,
  close: () => undefined,
}

export function openContainment(
  { verifyDir, periodMs }: ContainmentOptions,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Containment {
  const stopped = new AbortController()
  const listeners: ((contained: Contained) => void)[] = []
  const seen = (): Contained =>
    judgeReport(verifyDir === undefined ? undefined : readReport(verifyDir), clock.now(), periodMs)
  let current = seen()

  const look = (): Contained => {
    const before = current
    current = seen()
    if (current.reason === before.reason && current.message === before.message) return current
    const { ok, reason, message } = current
    if (ok) log.info({ reason }, 'the pod is contained')
    else log.error({ reason, found: message }, 'the pod is not known to be contained; everything is refused')
    for (const listener of listeners) listener(current)
    return current
  }
  const watch = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(lookIntervalMs, stopped.signal).catch(() => undefined)
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while we wait
      if (!stopped.signal.aborted) look()
    }
  }
  if (verifyDir !== undefined) void watch()
  return {
    get current() {
      return current
    },
    // A good report lets the agent start at once, before the next turn of the watch.
    get isRefusing() {
      return verifyDir !== undefined && !current.ok && !look().ok
    },
    onChange: (listener) => void listeners.push(listener),
    close: () => stopped.abort(),
  }
}

/** What a report is worth at `nowMs`: pure. */
export function judgeReport(report: SelfTestReport | undefined, nowMs: number, periodMs: number): Contained {
  if (report === undefined) return { ok: false, reason: 'NotReported', message: 'no self-test has reported' }
  const { ok, message, checkedAt } = report
  if (!ok) return { ok, reason: 'EscapeFound', message, checkedAt }
  const dueMs = periodsUntilOverdue * periodMs
  return nowMs - Date.parse(checkedAt) <= dueMs
    ? { ok, reason: 'Verified', message, checkedAt }
    : { ok: false, reason: 'CheckOverdue', message: `no self-test for more than ${dueMs / 1000} s`, checkedAt }
}

/** Some twenty microseconds: the volume is memory, the file one line, replaced as a whole. */
function readReport(verifyDir: string): SelfTestReport | undefined {
  try {
    return parseReport(readFileSync(reportPath(verifyDir), 'utf8'))
  } catch {
    return undefined
  }
}
