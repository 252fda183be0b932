import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@chaperone/core'
import { AuditLogFullError } from '../errors.ts'
import {
  firstPrevHash,
  linkRecord,
  type AuditDraft,
  type AuditRecord,
  type AuditResource,
  type RecordKind,
} from '../record/audit-record.ts'
import { createGroupCommit } from './group-commit.ts'
import { acknowledgedFile, recover } from './recover.ts'
import { encodeFrame } from './segment.ts'
import { createSegments, type ReadLimits } from './segments.ts'

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

/** An append-only, hash-linked log that survives the process. */
export interface AuditLog {
  readonly resource: AuditResource
  /** Links and writes. Resolves once the operating system has it (it survives kill -9), with `commit` once the disk has. */
  append(draft: AuditDraft, options?: { readonly commit?: boolean }): Promise<AuditRecord>
  readonly head: { readonly seq: number; readonly hash: string }
  readonly acknowledged: number
  /** Records after `seq`, oldest first, within the limits; one at least, if there is one. */
  read(seq: number, limits: ReadLimits): AuditRecord[]
  /** The collector has everything up to `seq`: it may be deleted. */
  acknowledge(seq: number): void
  /** Resolves when there is something after `seq`, or the signal aborts. */
  waitFor(seq: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export function createAuditLog({ directory, resource, clock, maxBytes }: AuditLogOptions): AuditLog {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const recovered = recover(directory)
  const segments = createSegments(directory, recovered.segments)
  let head = { seq: recovered.last?.seq ?? 0, hash: recovered.last?.hash ?? firstPrevHash }
  let written = head.seq
  let { acknowledged } = recovered
  let queuedBytes = 0
  let isFull = false
  const waiters = new Set<() => void>()
  const group = createGroupCommit(async (frames, commit) => {
    await segments.write(written + 1, frames, commit)
    written += frames.length
    queuedBytes -= frames.reduce((sum, frame) => sum + frame.length, 0)
    for (const wake of waiters) wake()
  })
  return {
    resource,
    get head() {
      return head
    },
    get acknowledged() {
      return acknowledged
    },
    async append(draft, options) {
      const record = linkRecord(resource, draft, {
        seq: head.seq + 1,
        time: String(clock.nowNs()),
        prevHash: head.hash,
      })
      const frame = encodeFrame(Buffer.from(JSON.stringify(record)))
      const bytes = segments.bytes + queuedBytes + frame.length
      if (!ends.has(draft.kind)) {
        // Once full it stays so until a part was delivered: a small record must not slip in after a large one was refused.
        isFull = bytes > maxBytes * (1 - forEnds) || (isFull && acknowledged < head.seq)
        if (isFull) throw new AuditLogFullError(maxBytes)
      }
      if (bytes > maxBytes) throw new AuditLogFullError(maxBytes)
      queuedBytes += frame.length
      head = { seq: record.seq, hash: record.hash }
      await group.enqueue(frame, options?.commit === true)
      return record
    },
    read: (seq, limits) => segments.read(seq, limits),
    acknowledge(seq) {
      if (seq <= acknowledged) return
      acknowledged = seq
      const temporary = join(directory, `${acknowledgedFile}.new`)
      writeFileSync(temporary, String(seq), { mode: 0o600 })
      renameSync(temporary, join(directory, acknowledgedFile))
      if (segments.dropThrough(seq)) isFull = false
    },
    async waitFor(seq, signal) {
      while (written <= seq && !signal.aborted) await wakeUp(waiters, signal)
    },
    async close() {
      await group.idle()
      await segments.close()
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
