import type { Duplex } from 'node:stream'
import { createTally, type Mask, type Tally } from '@chaperone/mask'
import { postgres } from '@chaperone/wire'
import type { Engine } from '../engine/engine.ts'
import type { Catalog } from './catalog.ts'
import { write } from './frames.ts'
import { createReplyQueue, type Expected, type ReplyQueue } from './replies.ts'
import { maskFields, maskRow, planColumns, type ColumnPlan } from './row-masking.ts'
import type { UpstreamSession } from './upstream-login.ts'

/** Carries the server's replies to the client, masked and in order. */
export interface ServerPump {
  readonly replies: ReplyQueue
  readonly transaction: postgres.TransactionState
  /** Whether the columns of a statement or portal are known, so that its rows can be masked. */
  isDescribed(of: string): boolean
  forget(of: string): void
  /** Resolves when the server owes nothing more. */
  idle(): Promise<void>
  /** Bytes of ours for the client before the next ReadyForQuery. */
  beforeReady(bytes: Buffer): void
  /** Until the server closes. */
  run(): Promise<void>
}

export interface PumpPorts {
  readonly engine: Engine
  readonly client: Duplex
  readonly session: UpstreamSession
  readonly catalog: Catalog
  readonly connectionId: string
}

interface Described {
  readonly columns: readonly postgres.Column[]
  readonly plan: readonly ColumnPlan[]
}

export function createServerPump({ engine, client, session, catalog, connectionId }: PumpPorts): ServerPump {
  const replies = createReplyQueue()
  const described = new Map<string, readonly postgres.Column[]>()
  const waiters = new Set<() => void>()
  let transaction: postgres.TransactionState = 'I'
  const injected: Buffer[] = []
  let current: Described | undefined
  let tally: Tally = createTally()
  let rows = 0

  const describe = async (columns: readonly postgres.Column[], mask: Mask | undefined): Promise<Described> => {
    if (mask === undefined) return { columns, plan: [] }
    const tables =
      mask.columns.length === 0
        ? new Map<number, never>()
        : await catalog.load(columns.map((column) => column.tableOid))
    return { columns, plan: planColumns(columns, mask, tables) }
  }

  const record = async (expected: Expected, outcome: { tag?: string; sqlstate?: string }): Promise<void> => {
    const { total, findings } = tally
    const returned = rows
    tally = createTally()
    rows = 0
    if (expected.requestSeq === undefined) return
    await engine.recorder.append('result', {
      'chaperone.connection.id': connectionId,
      'chaperone.request.seq': expected.requestSeq,
      'db.response.returned_rows': returned,
      'db.response.status_code': outcome.sqlstate,
      'chaperone.db.command': outcome.tag,
      'chaperone.mask.count': total,
      'chaperone.mask.detectors': findings.map((finding) => finding.detector),
    })
  }

  /** What the client is given for one reply; undefined for what it did not ask for. */
  const translate = async (frame: postgres.Frame, expected: Expected | undefined): Promise<Buffer | undefined> => {
    const mask = expected?.mask
    switch (frame.type) {
      case 'T': {
        const columns = postgres.decodeRowDescription(frame)
        if (expected?.of !== undefined) described.set(expected.of, columns)
        current = await describe(columns, mask)
        return frame.bytes
      }
      case 'D': {
        rows++
        if (mask === undefined) return frame.bytes
        current ??= await describe(columnsOf(described, expected), mask)
        return maskRow(frame, current.columns, current.plan, { mask, tally })
      }
      case 'd':
        return mask === undefined
          ? frame.bytes
          : postgres.frame('d', Buffer.from(mask.text(frame.body.toString('utf8'), tally)))
      case 'C':
      case 'I':
        if (expected !== undefined)
          await record(expected, { tag: frame.body.toString('utf8', 0, Math.max(0, frame.body.length - 1)) })
        return frame.bytes
      case 'E':
        if (expected !== undefined) await record(expected, { sqlstate: postgres.decodeFields(frame).get('C') ?? '' })
        return mask === undefined ? frame.bytes : maskFields(frame, mask, tally)
      case 'N':
        return mask === undefined ? frame.bytes : maskFields(frame, mask, tally)
      case 'Z':
        transaction = postgres.decodeReadyForQuery(frame)
        current = undefined
        return Buffer.concat([...injected.splice(0), frame.bytes])
      default:
        return frame.bytes
    }
  }

  return {
    replies,
    get transaction() {
      return transaction
    },
    isDescribed: (of) => described.has(of),
    forget: (of) => void described.delete(of),
    async idle() {
      while (replies.length > 0) await new Promise<void>((resolve) => waiters.add(resolve))
    },
    beforeReady: (bytes) => void injected.push(bytes),
    async run() {
      for (let frame = await session.reader.next(); frame !== undefined; frame = await session.reader.next()) {
        const expected = replies.current
        const bytes = await translate(frame, expected)
        const ours = expected?.ours === true && (frame.type === 'T' || frame.type === 'n')
        if (bytes !== undefined && !ours) await write(client, bytes)
        replies.advance(frame)
        if (replies.current !== expected) current = undefined
        if (replies.length === 0) {
          for (const wake of waiters) wake()
          waiters.clear()
        }
      }
    },
  }
}

/** Rows of a portal have the columns of the portal, or of the statement that it was bound from. */
function columnsOf(
  described: ReadonlyMap<string, readonly postgres.Column[]>,
  expected: Expected | undefined,
): readonly postgres.Column[] {
  return described.get(expected?.of ?? '') ?? described.get(expected?.statement ?? '') ?? []
}
