import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditRecord } from '../record/audit-record.ts'
import { decodeFrames, segmentFirstSeq } from './segment.ts'

export interface Segment {
  readonly path: string
  readonly firstSeq: number
  bytes: number
}

export interface Recovered {
  readonly segments: Segment[]
  /** The last whole record; the chain goes on from it. */
  readonly last: AuditRecord | undefined
  readonly acknowledged: number
}

/** File that holds the last acknowledged sequence number. */
export const acknowledgedFile = 'acknowledged'

/** Reads what an earlier process left, cutting a frame that a crash left unfinished. */
export function recover(directory: string): Recovered {
  const names = readdirSync(directory)
    .filter((name) => segmentFirstSeq(name) !== undefined)
    .sort()
  const segments: Segment[] = []
  let last: AuditRecord | undefined
  for (const name of names) {
    const path = join(directory, name)
    const bytes = readFileSync(path)
    const { payloads, validBytes } = decodeFrames(bytes)
    if (validBytes < bytes.length) truncateSync(path, validBytes)
    const final = payloads.at(-1)
    if (final !== undefined) last = JSON.parse(final.toString('utf8')) as AuditRecord
    segments.push({ path, firstSeq: segmentFirstSeq(name) ?? 0, bytes: validBytes })
  }
  return { segments, last, acknowledged: readAcknowledged(directory) }
}

function readAcknowledged(directory: string): number {
  try {
    return Number.parseInt(readFileSync(join(directory, acknowledgedFile), 'utf8'), 10) || 0
  } catch {
    return 0
  }
}
