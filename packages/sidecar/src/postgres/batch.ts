import { postgres } from '@chaperone/wire'
import type { Refusal } from '../engine/engine.ts'
import type { ClassifiedSql, Denied, Judge } from './judge.ts'
import { forgottenBy, type Portal, type PreparedNames } from './prepared-names.ts'

/** One message of a sequence and what it means for the server's names. */
export type Step =
  | { readonly kind: 'parse'; readonly statement: string; readonly sql: ClassifiedSql }
  | { readonly kind: 'bind'; readonly name: string; readonly portal: Portal }
  | { readonly kind: 'execute'; readonly name: string; readonly portal: Portal }
  | { readonly kind: 'describe' }
  | { readonly kind: 'close'; readonly target: { readonly kind: 'S' | 'P'; readonly name: string } }

/** Extended-protocol messages up to a Sync or Flush, each with its meaning. */
export interface Batch {
  readonly steps: readonly { readonly frame: postgres.Frame; readonly step: Step }[]
  /** SQL that is prepared here and not executed here. */
  readonly prepares: readonly ClassifiedSql[]
}

export interface BatchPorts {
  readonly names: PreparedNames
  readonly classify: Judge['classify']
  readonly refuse: Judge['refuse']
  /** To be awaited before a name is looked up that this batch has not defined. */
  readonly namesKnown: (of: 'statements' | 'portals') => Promise<void>
}

/**
 * Reads a batch against what the server has acknowledged, and what its own messages do to that. A name that nobody prepared by the protocol is refused, also when
 * SQL made it (PREPARE, DECLARE): it would run under a verdict that is not known here. Throws WireError for messages that
 * are not what the protocol says.
 */
export async function readBatch(frames: readonly postgres.Frame[], ports: BatchPorts): Promise<Batch | Denied> {
  const { names, classify, refuse, namesKnown } = ports
  const statements = new Map<string, ClassifiedSql | undefined>()
  const portals = new Map<string, Portal | undefined>()
  /** Names that this batch has not defined itself may stand for something else by now. */
  const areForgotten = { statements: false, portals: false }
  const unexecuted = new Set<ClassifiedSql>()
  const steps: { frame: postgres.Frame; step: Step }[] = []

  const statementOf = async (name: string): Promise<ClassifiedSql | undefined> => {
    if (areForgotten.statements || statements.has(name)) return statements.get(name)
    await namesKnown('statements')
    return names.statement(name)
  }
  const portalOf = async (name: string): Promise<Portal | undefined> => {
    if (areForgotten.portals || portals.has(name)) return portals.get(name)
    await namesKnown('portals')
    return names.portal(name)
  }
  const forgetBy = (sql: ClassifiedSql): void => {
    const forgotten = forgottenBy(sql)
    if (forgotten?.portals === true) {
      portals.clear()
      areForgotten.portals = true
    }
    if (forgotten?.statements === 'all') {
      statements.clear()
      areForgotten.statements = true
    } else if (forgotten?.statements !== undefined) statements.set(forgotten.statements.name, undefined)
  }
  const stepOf = async (frame: postgres.Frame): Promise<Step | Denied> => {
    switch (frame.type) {
      case 'P': {
        const { statement, sql: text } = postgres.decodeParse(frame)
        if (!isExact(statement)) return refuse(inexactName)
        const sql = await classify(text)
        if ('kind' in sql) return sql
        statements.set(statement, sql)
        unexecuted.add(sql)
        return { kind: 'parse', statement, sql }
      }
      case 'B': {
        const bind = postgres.decodeBind(frame)
        if (!isExact(bind.portal) || !isExact(bind.statement)) return refuse(inexactName)
        const sql = await statementOf(bind.statement)
        if (sql === undefined) return unknownName('26000', `prepared statement "${bind.statement}" does not exist`)
        const portal: Portal = { sql, binds: bindTexts(bind) }
        portals.set(bind.portal, portal)
        return { kind: 'bind', name: bind.portal, portal }
      }
      case 'E': {
        const name = postgres.decodeExecutePortal(frame)
        if (!isExact(name)) return refuse(inexactName)
        const portal = await portalOf(name)
        if (portal === undefined) return unknownName('34000', `portal "${name}" does not exist`)
        unexecuted.delete(portal.sql)
        forgetBy(portal.sql)
        return { kind: 'execute', name, portal }
      }
      case 'C': {
        const target = postgres.decodeTarget(frame)
        if (!isExact(target.name)) return refuse(inexactName)
        if (target.kind === 'S') statements.set(target.name, undefined)
        else portals.set(target.name, undefined)
        return { kind: 'close', target }
      }
      default:
        if (!isExact(postgres.decodeTarget(frame).name)) return refuse(inexactName)
        return { kind: 'describe' }
    }
  }

  for (const frame of frames) {
    const step = await stepOf(frame)
    if (step.kind === 'denied') return step
    steps.push({ frame, step })
  }
  return { steps, prepares: [...unexecuted] }
}

/**
 * The server cuts longer names (NAMEDATALEN), and writes others in its own encoding, which may be longer or the same for two
 * of them: they would mean there what another name means here.
 */
const isExact = (name: string): boolean => /^[\x20-\x7e]{0,63}$/.test(name)
const inexactName: Refusal = {
  kind: 'refuse',
  reason: 'Unparseable',
  message: 'the name of a prepared statement or portal: expected at most 63 bytes of printable ASCII',
}

/** In PostgreSQL's own words. */
function unknownName(code: string, message: string): Denied {
  return { kind: 'denied', response: postgres.encodeError({ severity: 'ERROR', code, message }) }
}

/** Text as it is; binary in hexadecimal, which names the exact value without knowing its type. */
function bindTexts({ values, formats }: postgres.BindMessage): (string | null)[] {
  return values.map((value, index) =>
    value === undefined ? null : formats[index] === 0 ? value.toString('utf8') : `\\x${value.toString('hex')}`,
  )
}
