import type { Duplex } from 'node:stream'
import { postgres } from '@chaperone/wire'
import type { Mask } from '@chaperone/mask'
import type { Action, Target } from '@chaperone/core'
import { SqlUnparseableError, type SqlClassifier } from '@chaperone/policy'
import type { Authorization, Engine, Refusal } from '../engine/engine.ts'
import { postgresHeld, postgresRefusal } from '../rescue/postgres.ts'
import { readBatch, type Prepared } from './batch.ts'
import { write, type FrameReader } from './frames.ts'
import { maxBatchBytes, maxPrepared } from './limits.ts'
import type { ServerPump } from './server-pump.ts'
import type { UpstreamSession } from './upstream-login.ts'

export interface ClientSessionPorts {
  readonly engine: Engine
  readonly sql: SqlClassifier
  readonly client: Duplex
  readonly reader: FrameReader
  readonly session: UpstreamSession
  readonly pump: ServerPump
  readonly connectionId: string
  readonly target: Target
  readonly database: string
  readonly user: string
  readonly signal: AbortSignal
}

type Passed = Extract<Authorization, { kind: 'pass' }>

/**
 * The agent's side, one message after the other: nothing more is read while a verdict is awaited, and no byte of a
 * statement is written to the server before the verdict on it, its binds included. A denial leaves the connection and its
 * transaction as they were.
 */
export function createClientSession(ports: ClientSessionPorts): { run(): Promise<void> } {
  const { engine, client, reader, session, pump } = ports
  let prepared: Prepared = { statements: new Map(), portals: new Map() }
  let batch: postgres.Frame[] = []
  let batchBytes = 0
  /** Part of the sequence was flushed to the server, which therefore needs its Sync. */
  let flushed = false
  /** After a denial everything up to Sync is dropped, as the server itself does after an error. */
  let skipping = false

  const authorize = (sql: string, binds?: readonly (string | null)[]): Promise<Authorization> => {
    const action = actionOf(ports, sql, binds)
    if ('kind' in action) return Promise.resolve(action)
    return engine.authorize(
      {
        connectionId: ports.connectionId,
        action,
        payload: { contentType: 'application/sql', bytes: Buffer.from(sql) },
        onHeld: (name) => void client.write(postgresHeld(name)),
      },
      ports.signal,
    )
  }

  const simpleQuery = async (frame: postgres.Frame): Promise<void> => {
    const authorization = await authorize(postgres.decodeQuerySql(frame))
    const mask =
      authorization.kind === 'pass' ? maskOf(engine, authorization, postgres.decodeQuerySql(frame)) : undefined
    const refusal =
      authorization.kind === 'refuse' ? authorization : mask !== undefined && 'kind' in mask ? mask : undefined
    if (refusal !== undefined) {
      await pump.idle()
      return write(client, Buffer.concat([postgresRefusal(refusal), postgres.encodeReadyForQuery(pump.transaction)]))
    }
    pump.replies.push({
      kind: 'query',
      mask: mask as Mask | undefined,
      requestSeq: (authorization as Passed).requestSeq,
    })
    await write(session.stream, frame.bytes)
  }

  const refuseBatch = async (refusal: Refusal): Promise<void> => {
    if (flushed) pump.beforeReady(postgresRefusal(refusal))
    else {
      await pump.idle()
      await write(client, postgresRefusal(refusal))
    }
    skipping = true
  }

  /** Judges what has gathered; true when it may be forwarded. */
  const endBatch = async (): Promise<void> => {
    const frames = batch
    batch = []
    batchBytes = 0
    const read = readBatch(frames, prepared)
    const passes: Passed[] = []
    for (const { sql, binds } of read.executions) {
      const authorization = await authorize(sql, binds)
      if (authorization.kind === 'refuse') return refuseBatch(authorization)
      const mask = maskOf(engine, authorization, sql)
      if (mask !== undefined && 'kind' in mask) return refuseBatch(mask)
      passes.push(authorization)
    }
    for (const sql of read.prepares) {
      const refusal = peek(ports, sql)
      if (refusal !== undefined) return refuseBatch(refusal)
    }
    if (read.after.statements.size > maxPrepared || read.after.portals.size > maxPrepared)
      return refuseBatch({
        kind: 'refuse',
        reason: 'LimitExceeded',
        message: `at most ${maxPrepared} prepared statements`,
      })
    await forward(frames, read.after, passes)
    prepared = read.after
    flushed = true
  }

  const forward = async (
    frames: readonly postgres.Frame[],
    after: Prepared,
    passes: readonly Passed[],
  ): Promise<void> => {
    let next = 0
    const out: Buffer[] = []
    for (const frame of frames) {
      if (frame.type === 'P') pump.forget(`S ${postgres.decodeParse(frame).statement}`)
      if (frame.type === 'B') pump.forget(`P ${postgres.decodeBind(frame).portal}`)
      if (frame.type === 'E') {
        const portal = postgres.decodeExecutePortal(frame)
        const pass = passes[next++]
        const mask = pass === undefined ? undefined : engine.mask(pass.effects.mask)
        const of = `P ${portal}`
        const statement = `S ${after.portals.get(portal)?.statement ?? ''}`
        if (mask !== undefined) {
          // Rows can only be masked when their columns are known; not every client asks for them.
          pump.replies.push({ kind: 'describe', of, ours: true, mask })
          out.push(postgres.frame('D', Buffer.from(`P${portal}\0`)))
        }
        pump.replies.push({
          kind: 'execute',
          of,
          statement,
          mask,
          ...(pass === undefined ? {} : { requestSeq: pass.requestSeq }),
        })
      } else if (frame.type === 'D') {
        const { kind, name } = postgres.decodeTarget(frame)
        pump.replies.push({ kind: 'describe', of: `${kind} ${name}` })
      } else pump.replies.push({ kind: 'other' })
      out.push(frame.bytes)
    }
    await write(session.stream, Buffer.concat(out))
  }

  const sync = async (frame: postgres.Frame): Promise<void> => {
    if (!skipping) await endBatch()
    if (flushed) {
      pump.replies.push({ kind: 'sync' })
      await write(session.stream, frame.bytes)
    } else {
      await pump.idle()
      await write(client, postgres.encodeReadyForQuery(pump.transaction))
    }
    skipping = false
    flushed = false
    batch = []
    batchBytes = 0
  }

  const gather = (frame: postgres.Frame): Promise<void> | undefined => {
    if (skipping) return undefined
    batch.push(frame)
    batchBytes += frame.bytes.length
    if (batchBytes <= maxBatchBytes) return undefined
    return refuseBatch({
      kind: 'refuse',
      reason: 'BodyTooLarge',
      message: `at most ${maxBatchBytes} bytes between two Sync messages`,
    })
  }

  const handle = async (frame: postgres.Frame): Promise<void> => {
    switch (frame.type) {
      case 'Q':
        return simpleQuery(frame)
      case 'P':
      case 'B':
      case 'D':
      case 'E':
      case 'C':
        return gather(frame)
      case 'H':
        if (skipping) return undefined
        await endBatch()
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while we wait
        return skipping ? undefined : write(session.stream, frame.bytes)
      case 'S':
        return sync(frame)
      case 'd':
      case 'c':
      case 'f':
        return write(session.stream, frame.bytes)
      default:
        await pump.idle()
        return write(
          client,
          Buffer.concat([
            postgresRefusal({
              kind: 'refuse',
              reason: 'Unparseable',
              message: 'this message of the protocol is not supported',
            }),
            postgres.encodeReadyForQuery(pump.transaction),
          ]),
        )
    }
  }

  return {
    async run() {
      for (let frame = await reader.next(); frame !== undefined && frame.type !== 'X'; frame = await reader.next())
        await handle(frame)
      session.stream.end(postgres.encodeTerminate())
    },
  }
}

function actionOf(ports: ClientSessionPorts, text: string, binds?: readonly (string | null)[]): Action | Refusal {
  const { target, database, user } = ports
  try {
    const statements = ports.sql.classify(text)
    return {
      protocol: 'Postgres',
      target,
      sql: { system: 'postgresql', database, user, text, statements, ...(binds === undefined ? {} : { binds }) },
    }
  } catch (error) {
    if (!(error instanceof SqlUnparseableError)) throw error
    return { kind: 'refuse', reason: 'Unparseable', message: error.message }
  }
}

/** What is only prepared does nothing yet: it is refused where it could never run, and judged for itself when it does. */
function peek(ports: ClientSessionPorts, sql: string): Refusal | undefined {
  const action = actionOf(ports, sql)
  if ('kind' in action) return action
  const verdict = ports.engine.policy.peek(action)
  return verdict.kind === 'deny' ? { ...verdict, kind: 'refuse' } : undefined
}

/** COPY sends rows without columns: under a column rule they could not be masked. */
function maskOf(engine: Engine, { effects }: Passed, sql: string): Mask | Refusal | undefined {
  const mask = engine.mask(effects.mask)
  if (mask !== undefined && mask.columns.length > 0 && /\bcopy\b/i.test(sql))
    return { kind: 'refuse', reason: 'MaskingFailed', message: 'COPY cannot be masked by column; use SELECT' }
  return mask
}
