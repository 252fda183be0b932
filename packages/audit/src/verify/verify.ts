import { isCheckpointValid } from '../chain/checkpoint.ts'
import { firstPrevHash, hashRecord, type AuditRecord } from '../record/audit-record.ts'
import type { BrokenLine, ExportedRecord } from './parse-export.ts'

/** What is wrong with the first bad record. */
export type ProblemKind = 'altered' | 'missing' | 'reordered' | 'truncated' | 'unreadable' | 'forged checkpoint'

export interface Problem {
  readonly kind: ProblemKind
  /** The record where the chain first fails. */
  readonly seq: number
  readonly line?: number
  readonly detail: string
}

/** Records that were never kept, because the log was full and the session said to go on; the chain itself says so. */
export interface Gap {
  /** Of the `audit.gap` that tells of it. */
  readonly seq: number
  readonly since: string
  readonly until: string
  readonly records: number
}

/** The chain of one pod. */
export interface ChainReport {
  readonly podUid: string
  readonly pod: string
  readonly session: string
  readonly records: number
  readonly first: number
  readonly last: number
  readonly lastHash: string
  /** The end is proven by `session.ended` or by a head from elsewhere; otherwise records may be missing after it. */
  readonly endProven: boolean
  readonly gaps: readonly Gap[]
  readonly problem?: Problem
}

export interface VerifyOptions {
  /** Heads known from elsewhere (status.pods[].audit), by pod uid: the file must reach them. */
  readonly heads?: ReadonlyMap<string, { readonly seq: number; readonly hash: string }>
}

/**
 * Proves that each chain is whole: nothing altered, left out, reordered or cut off. Pure; records come in the order of
 * the file. The same record twice is a delivery at least once, not a fault.
 */
export function verifyExport(
  entries: readonly (ExportedRecord | BrokenLine)[],
  options: VerifyOptions = {},
): ChainReport[] {
  const chains = new Map<string, Chain>()
  let current: Chain | undefined
  for (const entry of entries) {
    if ('broken' in entry) {
      // It can only belong to the chain around it; with none before it, to a chain that nobody can name.
      current ??= chainOf(chains, 'unknown', {})
      current.fail({ kind: 'unreadable', seq: current.seq + 1, line: entry.line, detail: entry.broken })
      continue
    }
    current = chainOf(chains, entry.resource['k8s.pod.uid'] ?? 'unknown', entry.resource)
    current.add(entry)
  }
  for (const uid of options.heads?.keys() ?? []) chainOf(chains, uid, {})
  return [...chains.values()].map((chain) => chain.report(options.heads?.get(chain.podUid)))
}

interface Chain {
  readonly podUid: string
  readonly seq: number
  add(entry: ExportedRecord): void
  fail(problem: Problem): void
  report(head: { readonly seq: number; readonly hash: string } | undefined): ChainReport
}

function chainOf(chains: Map<string, Chain>, podUid: string, resource: Readonly<Record<string, string>>): Chain {
  const chain = chains.get(podUid) ?? createChain(podUid, resource)
  chains.set(podUid, chain)
  return chain
}

function createChain(podUid: string, resource: Readonly<Record<string, string>>): Chain {
  const hashes = new Map<number, string>()
  const gaps: Gap[] = []
  let last = { seq: 0, hash: firstPrevHash }
  let first = 0
  let ended = false
  let publicKey: string | undefined
  let problem: Problem | undefined

  const judge = ({ record, resource: claimed, line }: ExportedRecord): Problem | undefined => {
    const at = { seq: record.seq, line }
    if (hashRecord(claimed, record) !== record.hash)
      return { ...at, kind: 'altered', detail: 'the content does not match its hash' }
    const known = hashes.get(record.seq)
    if (known !== undefined)
      return known === record.hash
        ? undefined
        : { ...at, kind: 'altered', detail: 'two different records carry this number' }
    if (record.seq <= last.seq) return { ...at, kind: 'reordered', detail: `it stands after record ${last.seq}` }
    if (record.seq !== last.seq + 1)
      return { ...at, seq: last.seq + 1, kind: 'missing', detail: `record ${record.seq} follows record ${last.seq}` }
    if (record.prevHash !== last.hash)
      return { ...at, kind: 'altered', detail: 'it does not link to the record before it' }
    if (record.kind === 'checkpoint' && publicKey !== undefined && !isCheckpointValid(record, publicKey))
      return { ...at, kind: 'forged checkpoint', detail: 'the signature does not match' }
    return undefined
  }

  return {
    podUid,
    get seq() {
      return last.seq
    },
    fail(found) {
      problem ??= found
    },
    add(entry) {
      const { record } = entry
      const found = judge(entry)
      problem ??= found
      if (hashes.has(record.seq)) return
      hashes.set(record.seq, record.hash)
      if (record.seq < last.seq) return
      if (first === 0) first = record.seq
      last = { seq: record.seq, hash: record.hash }
      ended = record.kind === 'session.ended'
      if (record.kind === 'audit.gap') gaps.push(gapOf(record))
      if (record.kind === 'session.started')
        publicKey ??= String(record.attributes['chaperone.audit.public_key'] ?? '') || undefined
    },
    report(head) {
      const cut = head !== undefined && (head.seq > last.seq || hashes.get(head.seq) !== head.hash)
      const truncated: Problem | undefined = cut
        ? head.seq > last.seq
          ? { kind: 'truncated', seq: last.seq + 1, detail: `the chain is known to reach record ${head.seq}` }
          : { kind: 'altered', seq: head.seq, detail: 'its hash is not the one known from elsewhere' }
        : undefined
      const final = problem ?? truncated
      return {
        podUid,
        pod: `${resource['k8s.namespace.name'] ?? ''}/${resource['k8s.pod.name'] ?? ''}`,
        session: resource['chaperone.session.name'] ?? '',
        records: hashes.size,
        first,
        last: last.seq,
        lastHash: last.hash,
        endProven: final === undefined && (ended || head !== undefined),
        gaps,
        ...(final === undefined ? {} : { problem: final }),
      }
    },
  }
}

function gapOf({ seq, attributes }: AuditRecord): Gap {
  return {
    seq,
    since: String(attributes['chaperone.gap.since'] ?? ''),
    until: String(attributes['chaperone.gap.until'] ?? ''),
    records: Number(attributes['chaperone.gap.records'] ?? 0),
  }
}
