import { readFileSync, unlinkSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditRecord } from '../record/audit-record.ts'
import type { Segment } from './recover.ts'
import { decodeFrames, segmentName } from './segment.ts'

/** Deleting by segment wants them small; writing wants them large. */
const segmentBytes = 4 * 1024 * 1024

export interface ReadLimits {
  readonly records: number
  readonly bytes: number
}

export interface Segments {
  readonly bytes: number
  /** `firstSeq` is the number of the first record in `frames`. */
  write(firstSeq: number, frames: readonly Buffer[], commit: boolean): Promise<void>
  read(afterSeq: number, limits: ReadLimits): AuditRecord[]
  /** Whether anything was dropped. */
  dropThrough(seq: number): boolean
  close(): Promise<void>
}

/** The files of the log, oldest first. */
export function createSegments(directory: string, segments: Segment[]): Segments {
  let file: FileHandle | undefined
  const close = async (): Promise<void> => {
    await file?.datasync()
    await file?.close()
    file = undefined
  }
  const writable = async (firstSeq: number): Promise<{ segment: Segment; file: FileHandle }> => {
    let segment = segments.at(-1)
    if (segment === undefined || segment.bytes >= segmentBytes) {
      await close()
      segment = { path: join(directory, segmentName(firstSeq)), firstSeq, bytes: 0 }
      segments.push(segment)
    }
    file ??= await open(segment.path, 'a', 0o600)
    return { segment, file }
  }
  return {
    get bytes() {
      return segments.reduce((sum, segment) => sum + segment.bytes, 0)
    },
    async write(firstSeq, frames, commit) {
      const target = await writable(firstSeq)
      await target.file.writev(frames)
      target.segment.bytes += frames.reduce((sum, frame) => sum + frame.length, 0)
      if (commit) await target.file.datasync()
    },
    read(afterSeq, limits) {
      const records: AuditRecord[] = []
      let bytes = 0
      for (const [index, segment] of segments.entries()) {
        const next = segments[index + 1]
        if (next !== undefined && next.firstSeq <= afterSeq + 1) continue
        for (const payload of decodeFrames(readFileSync(segment.path)).payloads) {
          const record = JSON.parse(payload.toString('utf8')) as AuditRecord
          if (record.seq <= afterSeq) continue
          bytes += payload.length
          if (records.length > 0 && bytes > limits.bytes) return records
          records.push(record)
          if (records.length >= limits.records) return records
        }
      }
      return records
    },
    dropThrough(seq) {
      const before = segments.length
      // The newest segment stays: its last record is where the chain goes on after a restart.
      for (let next = segments[1]; next !== undefined && next.firstSeq <= seq + 1; next = segments[1]) {
        const oldest = segments.shift()
        if (oldest !== undefined) unlinkSync(oldest.path)
      }
      return segments.length < before
    },
    close,
  }
}
