import type { AuditRecord } from '../record/audit-record.ts'

/** Bytes of frames that are kept in memory after they were written; as objects they take some twice as much. */
const maxYoungBytes = 4 * 1024 * 1024

/** How much is read at a time: both bound it, but one record always comes. */
export interface ReadLimits {
  readonly records: number
  readonly bytes: number
}

/** A record and the bytes of its frame. */
export interface Sized {
  readonly record: AuditRecord
  readonly bytes: number
}

/** The newest records, without a gap, that were not delivered yet: while they are young nobody reads the disk for them. */
export interface YoungRecords {
  /** Of the oldest; undefined while there are none. */
  readonly firstSeq: number | undefined
  push(record: Sized): void
  dropThrough(seq: number): void
  /** Those after `seq`. */
  read(seq: number, limits: ReadLimits): AuditRecord[]
}

export function createYoungRecords(): YoungRecords {
  let records: Sized[] = []
  /** Records before it are gone; they are cut off the array by halves, because cutting costs as much as what stays. */
  let first = 0
  let bytes = 0
  const shift = (): void => {
    bytes -= records[first]?.bytes ?? 0
    first += 1
    if (first * 2 < records.length) return
    records = records.slice(first)
    first = 0
  }
  return {
    get firstSeq() {
      return records[first]?.record.seq
    },
    push(record) {
      records.push(record)
      bytes += record.bytes
      while (bytes > maxYoungBytes) shift()
    },
    dropThrough(seq) {
      while ((records[first]?.record.seq ?? Infinity) <= seq) shift()
    },
    read(seq, limits) {
      const from = first + Math.max(0, seq + 1 - (records[first]?.record.seq ?? 0))
      return within(limits, records, from)
    },
  }
}

/** As many from there as the limits let through; one at least, if there is one. */
export function within(limits: ReadLimits, records: readonly Sized[], from = 0): AuditRecord[] {
  const taken: AuditRecord[] = []
  let bytes = 0
  for (let at = from; at < records.length && taken.length < limits.records; at++) {
    const next = records[at]
    if (next === undefined) break
    bytes += next.bytes
    if (taken.length > 0 && bytes > limits.bytes) break
    taken.push(next.record)
  }
  return taken
}
