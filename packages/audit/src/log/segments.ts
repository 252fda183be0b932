import { unlinkSync, writeSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentName } from './segment.ts'

/** Deleting by segment wants them small; writing wants them large. */
const segmentBytes = 4 * 1024 * 1024

export interface Segment {
  readonly path: string
  readonly firstSeq: number
  /** Written so far, all of it whole frames. */
  bytes: number
}

export interface Segments {
  readonly bytes: number
  /** `firstSeq` is the number of the first record in `frames`. Where it fails, nothing was written; where a sync did, it fails for ever. */
  write(firstSeq: number, frames: readonly Buffer[], commit: boolean): Promise<void>
  /** Whether anything was dropped. */
  dropThrough(seq: number): boolean
  close(): Promise<void>
}

/** The files of the log, oldest first, for writing; `files` is kept up to date for who reads them. */
export function createSegments(directory: string, files: Segment[]): Segments {
  let bytes = files.reduce((sum, segment) => sum + segment.bytes, 0)
  let file: FileHandle | undefined
  let syncFailure: Error | undefined

  const sync = async (): Promise<void> => {
    try {
      await file?.datasync()
    } catch (error) {
      // What the system still held back may be lost, and it says so only once: nothing may follow that.
      syncFailure = error as Error
      throw error
    }
  }
  const close = async (): Promise<void> => {
    await sync()
    await file?.close()
    file = undefined
  }
  const writable = async (firstSeq: number): Promise<{ segment: Segment; file: FileHandle }> => {
    let segment = files.at(-1)
    if (segment === undefined || segment.bytes >= segmentBytes) {
      await close()
      segment = { path: join(directory, segmentName(firstSeq)), firstSeq, bytes: 0 }
      files.push(segment)
    }
    file ??= await openAt(segment)
    return { segment, file }
  }
  return {
    get bytes() {
      return bytes
    },
    async write(firstSeq, frames, commit) {
      if (syncFailure !== undefined) throw syncFailure
      const target = await writable(firstSeq)
      const batch = Buffer.concat(frames)
      try {
        // To the system's memory, and never while it syncs: that takes microseconds, handing it to a thread ten times as many.
        // A disk that is nearly full takes a part, and says so only at the next write.
        for (let done = 0; done < batch.length;) done += writeSync(target.file.fd, batch, done)
      } catch (error) {
        file = undefined
        await target.file.close().catch(() => undefined)
        throw error
      }
      if (commit) await sync()
      target.segment.bytes += batch.length
      bytes += batch.length
    },
    dropThrough(seq) {
      const before = files.length
      // The newest with a record stays: its last one is where the chain goes on after a restart.
      for (let next = files[1]; next !== undefined && next.bytes > 0 && next.firstSeq <= seq + 1; next = files[1]) {
        const oldest = files.shift()
        if (oldest === undefined) break
        bytes -= oldest.bytes
        unlinkSync(oldest.path)
      }
      return files.length < before
    },
    close,
  }
}

/** For appending; what a failed write left there is cut off. */
async function openAt({ path, bytes }: Segment): Promise<FileHandle> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.truncate(bytes)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
