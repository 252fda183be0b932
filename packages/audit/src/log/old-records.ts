import { open } from 'node:fs/promises'
import type { AuditRecord } from '../record/audit-record.ts'
import { parseLine } from '../record/linker.ts'
import { decodeFrames, frameBytes, headerBytes } from './segment.ts'
import type { Segment } from './segments.ts'
import { within, type ReadLimits, type Sized } from './young-records.ts'

/** Read at a time; a larger frame is read by itself. */
const chunkBytes = 256 * 1024

/** Records that are on disk only. Whoever reads on where the last read ended reads each byte once. */
export interface OldRecords {
  /** Those after `seq`, oldest first; what is damaged is left out. */
  read(seq: number, limits: ReadLimits): Promise<AuditRecord[]>
}

/** `files` are those of the log, oldest first, as they are at the time of each call. */
export function createOldRecords(files: readonly Segment[]): OldRecords {
  /** Where the next chunk begins, and the records before it that were not asked for yet. */
  let at: { readonly segment: Segment; readonly offset: number } | undefined
  let ahead: readonly Sized[] = []
  let lastSeq: number | undefined

  const advance = async (): Promise<boolean> => {
    if (at === undefined) return false
    if (at.offset === at.segment.bytes) {
      const next = files[files.indexOf(at.segment) + 1]
      if (next === undefined) return false
      at = { segment: next, offset: 0 }
    }
    const { segment, offset } = at
    const chunk = await readChunk(segment, offset)
    at = { segment, offset: chunk.end }
    ahead = chunk.records
    return true
  }
  return {
    async read(seq, limits) {
      if (seq !== lastSeq) {
        const segment = files.findLast(({ firstSeq }) => firstSeq <= seq + 1) ?? files[0]
        at = segment === undefined ? undefined : { segment, offset: 0 }
        ahead = []
      }
      while (ahead.length === 0 && (await advance())) ahead = ahead.filter(({ record }) => record.seq > seq)
      const taken = within(limits, ahead)
      ahead = ahead.slice(taken.length)
      lastSeq = taken.at(-1)?.seq ?? seq
      return taken
    },
  }
}

/** Whole frames from there; the end of the segment where there is none, because what follows a damaged one has no beginning. */
async function readChunk({ path, bytes: length }: Segment, offset: number): Promise<{ records: Sized[]; end: number }> {
  const file = await open(path, 'r')
  const read = async (size: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafe(Math.min(size, length - offset))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
    return buffer.subarray(0, bytesRead)
  }
  try {
    const bytes = await read(chunkBytes)
    const isCut = frameBytes(bytes) > bytes.length && bytes.length < length - offset
    const { payloads, validBytes } = decodeFrames(isCut ? await read(frameBytes(bytes)) : bytes)
    const records = payloads.map((payload) => ({
      record: parseLine(payload.toString('utf8')),
      bytes: headerBytes + payload.length,
    }))
    return { records, end: validBytes === 0 ? length : offset + validBytes }
  } finally {
    await file.close()
  }
}
