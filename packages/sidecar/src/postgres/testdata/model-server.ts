import type { Duplex } from 'node:stream'
import { postgres } from '@chaperone/wire'
import { createFrameReader } from '../frames.ts'

/** What the model does for one statement; anything else is an error of the parser. */
export type Effect =
  | { readonly kind: 'rows'; readonly tableOid: number; readonly value: string }
  | { readonly kind: 'copyIn' | 'begin' | 'commit' | 'command' | 'fails' }
  | { readonly kind: 'copyOut'; readonly value: string }
  | { readonly kind: 'prepare'; readonly name: string; readonly sql: string }
  | { readonly kind: 'deallocate' | 'closeCursor'; readonly name: string }
  | { readonly kind: 'declare'; readonly name: string; readonly sql: string }

interface Copying {
  readonly extended: boolean
}

/** Names are cut to 63 bytes, whoever gives them (NAMEDATALEN). */
class CutNames extends Map<string, string> {
  override has(name: string): boolean {
    return super.has(cut(name))
  }
  override get(name: string): string | undefined {
    return super.get(cut(name))
  }
  override set(name: string, sql: string): this {
    return super.set(cut(name), sql)
  }
  override delete(name: string): boolean {
    return super.delete(cut(name))
  }
}

const cut = (name: string): string => Buffer.from(name).toString('latin1', 0, 63)

/**
 * The message flow of PostgreSQL (docs ch. 55.2), as far as what runs depends on it: names of statements and portals,
 * skipping to Sync after an error, transactions, and the reading of COPY data. Made for properties over message sequences,
 * which a real server could not answer by the thousand.
 */
export class ModelServer {
  /** Every statement that has run. */
  readonly executed: string[] = []
  private readonly statements = new CutNames()
  private readonly portals = new CutNames()
  private transaction: postgres.TransactionState = 'I'
  private skipping = false
  private copying: Copying | undefined
  private readonly stream: Duplex
  private readonly effects: ReadonlyMap<string, Effect>

  constructor(stream: Duplex, effects: ReadonlyMap<string, Effect>) {
    this.stream = stream
    this.effects = effects
  }

  async run(): Promise<void> {
    const reader = createFrameReader(this.stream)
    for (let frame = await reader.next(); frame !== undefined && frame.type !== 'X'; frame = await reader.next())
      this.take(frame)
  }

  private take(frame: postgres.Frame): void {
    if (this.copying !== undefined) return this.takeCopyData(frame, this.copying)
    if (frame.type === 'S') return this.sync()
    if (this.skipping || 'Hdcf'.includes(frame.type)) return
    if (frame.type === 'Q') return this.query(postgres.decodeQuerySql(frame))
    const failed = this.extended(frame)
    if (failed !== undefined) this.fail(failed, true)
  }

  private takeCopyData(frame: postgres.Frame, { extended }: Copying): void {
    if ('dHS'.includes(frame.type)) return
    this.copying = undefined
    if (frame.type === 'c') this.send(complete('COPY'))
    else return this.fail('COPY failed', extended)
    if (!extended) this.ready()
  }

  private query(sql: string): void {
    this.portals.delete('')
    const error = this.effects.has(sql) ? this.execute(sql, false) : 'syntax error'
    if (error !== undefined) this.fail(error, false)
    else if (this.copying === undefined) this.ready()
  }

  private sync(): void {
    this.skipping = false
    this.ready()
  }

  private ready(): void {
    if (this.transaction === 'I') this.portals.clear()
    this.send(postgres.encodeReadyForQuery(this.transaction))
  }

  /** The error of the message, if it has one. */
  private extended(frame: postgres.Frame): string | undefined {
    switch (frame.type) {
      case 'P': {
        const { statement, sql } = postgres.decodeParse(frame)
        if (!this.effects.has(sql)) return 'syntax error'
        if (statement !== '' && this.statements.has(statement)) return 'prepared statement exists'
        this.statements.set(statement, sql)
        this.send(postgres.frame('1'))
        return undefined
      }
      case 'B': {
        const { portal, statement } = postgres.decodeBind(frame)
        const sql = this.statements.get(statement)
        if (sql === undefined) return 'no such statement'
        if (portal !== '' && this.portals.has(portal)) return 'portal exists'
        this.portals.set(portal, sql)
        this.send(postgres.frame('2'))
        return undefined
      }
      case 'D': {
        const { kind, name } = postgres.decodeTarget(frame)
        const sql = (kind === 'S' ? this.statements : this.portals).get(name)
        if (sql === undefined) return 'nothing to describe'
        if (kind === 'S') this.send(postgres.frame('t', Buffer.alloc(2)))
        this.send(this.description(sql))
        return undefined
      }
      case 'E': {
        const sql = this.portals.get(postgres.decodeExecutePortal(frame))
        return sql === undefined ? 'no such portal' : this.execute(sql, true)
      }
      case 'C': {
        const { kind, name } = postgres.decodeTarget(frame)
        ;(kind === 'S' ? this.statements : this.portals).delete(name)
        this.send(postgres.frame('3'))
        return undefined
      }
      default:
        return 'unknown message'
    }
  }

  private execute(sql: string, extended: boolean): string | undefined {
    const effect = this.effects.get(sql)
    if (effect === undefined || effect.kind === 'fails') return `it fails with ${secretOf(effect)}`
    if (this.transaction === 'E' && effect.kind !== 'commit') return 'current transaction is aborted'
    this.executed.push(sql)
    switch (effect.kind) {
      case 'rows':
        if (!extended) this.send(this.description(sql))
        this.send(postgres.encodeDataRow([Buffer.from(effect.value)]))
        break
      case 'copyIn':
        this.copying = { extended }
        this.send(postgres.frame('G', Buffer.alloc(3)))
        return undefined
      case 'copyOut':
        this.send(postgres.frame('H', Buffer.alloc(3)))
        this.send(postgres.frame('d', Buffer.from(`${effect.value}\n`)))
        this.send(postgres.frame('c'))
        break
      case 'begin':
        this.transaction = 'T'
        break
      case 'commit':
        this.transaction = 'I'
        this.portals.clear()
        break
      case 'prepare':
        if (this.statements.has(effect.name)) return 'prepared statement exists'
        this.statements.set(effect.name, effect.sql)
        break
      case 'declare':
        if (this.transaction !== 'T' || this.portals.has(effect.name)) return 'no cursor'
        this.portals.set(effect.name, effect.sql)
        break
      case 'deallocate':
        if (!this.statements.delete(effect.name)) return 'no such statement'
        break
      case 'closeCursor':
        if (!this.portals.delete(effect.name)) return 'no such cursor'
        break
      case 'command':
    }
    this.send(complete('DONE'))
    return undefined
  }

  private description(sql: string): Buffer {
    const effect = this.effects.get(sql)
    return effect?.kind === 'rows' ? rowDescription(effect.tableOid) : postgres.frame('n')
  }

  private fail(message: string, extended: boolean): void {
    if (this.transaction === 'T') this.transaction = 'E'
    this.send(postgres.encodeError({ severity: 'ERROR', code: '22P02', message }))
    if (extended) this.skipping = true
    else this.ready()
  }

  private send(bytes: Buffer): void {
    this.stream.write(bytes)
  }
}

const secretOf = (effect: Effect | undefined): string => (effect?.kind === 'fails' ? 'nothing' : 'an unknown statement')
const complete = (tag: string): Buffer => postgres.frame('C', Buffer.from(`${tag}\0`))

/** One text column, the first of its table. */
function rowDescription(tableOid: number): Buffer {
  const body = Buffer.from('0001 6300 00000000 0001 00000019 ffff ffffffff 0000'.replaceAll(' ', ''), 'hex')
  body.writeUInt32BE(tableOid, 4)
  return postgres.frame('T', body)
}
