import { mkdirSync } from 'node:fs'
import type { Clock } from '@chaperone/core'
import { AuditLogFullError } from '../errors.ts'
import {
  firstPrevHash,
  type AuditDraft,
  type AuditRecord,
  type AuditResource,
  type RecordKind,
} from '../record/audit-record.ts'
import { createLinker } from '../record/linker.ts'
import { createAcknowledgement } from './acknowledgement.ts'
import { createGroupCommit } from './group-commit.ts'
import { createOldRecords } from './old-records.ts'
import { recover } from './recover.ts'
import { encodeFrame } from './segment.ts'
import { createSegments } from './segments.ts'
import { createYoungRecords, type ReadLimits } from './young-records.ts'

export interface AuditLogOptions {
  readonly directory: string
  readonly resource: AuditResource
  readonly clock: Clock
  /** Bytes on disk; beyond them `append` rejects with AuditLogFullError. */
  readonly maxBytes: number
}

/** The last eighth of the log is for the ends of what was let begin: nothing passes whose answer could not be recorded. */
const forEnds = 1 / 8
const ends: ReadonlySet<RecordKind> = new Set([
  'response',
  'result',
  'connection.closed',
  'approval.decided',
  'session.ended',
])

/** The end of the chain; the next record links to it. */
type Head = Pick<AuditRecord, 'seq' | 'hash'>

interface Entry {
  readonly record: AuditRecord
  readonly frame: Buffer
}

/** An append-only, hash-linked log that survives the process. */
export interface AuditLog {
  readonly resource: AuditResource
  /** Links and writes. Resolves once the operating system has it (it survives kill -9), with `commit` once the disk has. */
  append(draft: AuditDraft, options?: { readonly commit?: boolean }): Promise<AuditRecord>
  readonly head: Head
  readonly acknowledged: number
  /** Records after `seq`, oldest first, within the limits; one at least, if there is one. */
  read(seq: number, limits: ReadLimits): Promise<AuditRecord[]>
  /** The collector has everything up to `seq`: it may be deleted. A crash within a second may have it delivered again. */
  acknowledge(seq: number): void
  /** Resolves when there is something after `seq`, or the signal aborts. */
  waitFor(seq: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createAuditLog({ directory, resource, clock, maxBytes }: AuditLogOptions): AuditLog {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const recovered = recover(directory)
  const segments = createSegments(directory, recovered.segments)
  const acknowledgement = createAcknowledgement(directory, clock, recovered.acknowledged)
  const young = createYoungRecords()
  const old = createOldRecords(recovered.segments)
  const link = createLinker(resource)
  let head: Head = recovered.last ?? { seq: 0, hash: firstPrevHash }
  /** The last one on disk. */
  let written = head
  let queuedBytes = 0
  let isFull = false
  const waiters = new Set<() => void>()
  const write = async (entries: readonly Entry[], commit: boolean): Promise<void> => {
    const frames = entries.map(({ frame }) => frame)
    await segments.write(written.seq + 1, frames, commit)
    for (const { record, frame } of entries) {
      queuedBytes -= frame.length
      young.push({ record, bytes: frame.length })
      written = record
    }
    for (const wake of waiters) wake()
  }
  const group = createGroupCommit(write, () => {
    head = written
    queuedBytes = 0
  })
  /** Throws where the log is full. */
  const takeRoom = (kind: RecordKind, frameBytes: number): void => {
    const bytes = segments.bytes + queuedBytes + frameBytes
    if (!ends.has(kind)) {
      // Once full it stays so until a part was delivered: a small record must not slip in after a large one was refused.
      isFull = bytes > maxBytes * (1 - forEnds) || (isFull && acknowledgement.seq < head.seq)
      if (isFull) throw new AuditLogFullError(maxBytes)
    }
    if (bytes > maxBytes) throw new AuditLogFullError(maxBytes)
    queuedBytes += frameBytes
  }
  return {
    resource,
    get head() {
      return { seq: head.seq, hash: head.hash }
    },
    get acknowledged() {
      return acknowledgement.seq
    },
    async append(draft, options) {
      const at = { seq: head.seq + 1, time: String(clock.nowNs()), prevHash: head.hash }
      const { record, line } = link(draft, at)
      const frame = encodeFrame(line)
      takeRoom(draft.kind, frame.length)
      head = record
      await group.enqueue({ record, frame }, options?.commit === true)
      return record
    },
    async read(seq, limits) {
      const isOld = seq < written.seq && seq + 1 < (young.firstSeq ?? Infinity)
      const before = isOld ? await old.read(seq, limits) : []
      return before.length > 0 ? before : young.read(seq, limits)
    },
    acknowledge(seq) {
      if (seq <= acknowledgement.seq) return
      acknowledgement.set(seq)
      young.dropThrough(seq)
      if (segments.dropThrough(seq)) isFull = false
    },
    async waitFor(seq, signal) {
      while (written.seq <= seq && !signal.aborted) await wakeUp(waiters, signal)
    },
    async close() {
      await group.idle()
      await segments.close()
      await acknowledgement.close()
    },
  }
}

function wakeUp(waiters: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      waiters.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    waiters.add(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}
