import { join } from 'node:path'

/** What one self-test found. It lies in a volume that verify writes and the sidecar reads, and nobody else mounts. */
export interface SelfTestReport {
  readonly ok: boolean
  readonly message: string
  /** RFC 3339. */
  readonly checkedAt: string
}

/** Bound of `status.pods[].containedMessage`. */
const maxMessage = 512

export const reportPath = (verifyDir: string): string => join(verifyDir, 'report.json')

/** Undefined for what is no report. */
export function parseReport(text: string): SelfTestReport | undefined {
  try {
    const { ok, message, checkedAt } = JSON.parse(text) as Partial<Record<string, unknown>>
    if (typeof ok !== 'boolean' || typeof message !== 'string' || typeof checkedAt !== 'string') return undefined
    return Number.isNaN(Date.parse(checkedAt)) ? undefined : { ok, message: message.slice(0, maxMessage), checkedAt }
  } catch {
    return undefined
  }
}
