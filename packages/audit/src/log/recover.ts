import { readdirSync, readFileSync, statSync, truncateSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditRecord } from '../record/audit-record.ts'
import { parseLine } from '../record/linker.ts'
import { readAcknowledged } from './acknowledgement.ts'
import { decodeFrames, segmentFirstSeq } from './segment.ts'
import type { Segment } from './segments.ts'

export interface Recovered {
  readonly segments: Segment[]
  /** The last whole record; the chain goes on from it. */
  readonly last: AuditRecord | undefined
  readonly acknowledged: number
}

/** Finds what an earlier process left, cutting a frame that a crash left unfinished: only the end can have one. */
export function recover(directory: string): Recovered {
  const segments = readdirSync(directory)
    .flatMap((name) => {
      const firstSeq = segmentFirstSeq(name)
      const path = join(directory, name)
      return firstSeq === undefined ? [] : [{ path, firstSeq, bytes: statSync(path).size }]
    })
    .sort((a, b) => a.firstSeq - b.firstSeq)
  let last: AuditRecord | undefined
  for (let newest = segments.at(-1); newest !== undefined && last === undefined; newest = segments.at(-1)) {
    const { payloads, validBytes } = decodeFrames(readFileSync(newest.path))
    const final = payloads.at(-1)
    if (final === undefined) {
      unlinkSync(newest.path)
      segments.pop()
      continue
    }
    if (validBytes < newest.bytes) truncateSync(newest.path, validBytes)
    newest.bytes = validBytes
    last = parseLine(final.toString('utf8'))
  }
  // What was delivered may have been deleted before it was noted. A note may also have outlived records that were never synced.
  const delivered = Math.max(readAcknowledged(directory), (segments[0]?.firstSeq ?? 1) - 1)
  return { segments, last, acknowledged: Math.min(delivered, last?.seq ?? 0) }
}
