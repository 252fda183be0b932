import { postgres } from '@chaperone/wire'

/** A statement as the client wants it executed. */
export interface Execution {
  readonly sql: string
  readonly binds: readonly (string | null)[]
  readonly portal: string
}

/** What the client has prepared so far on one connection. */
export interface Prepared {
  readonly statements: Map<string, string>
  readonly portals: Map<
    string,
    { readonly statement: string; readonly sql: string; readonly binds: readonly (string | null)[] }
  >
}

/** One sequence of extended-protocol messages, up to its Sync or Flush, read against what was prepared before. */
export interface Batch {
  readonly executions: readonly Execution[]
  /** SQL that is prepared here and not executed here. */
  readonly prepares: readonly string[]
  /** What is prepared once the batch has passed. */
  readonly after: Prepared
  /** A message names a statement or portal that does not exist; the server will say so. */
  readonly dangling: boolean
}

/** Pure. Throws WireError for messages that are not what the protocol says. */
export function readBatch(frames: readonly postgres.Frame[], before: Prepared): Batch {
  const after: Prepared = { statements: new Map(before.statements), portals: new Map(before.portals) }
  const executions: Execution[] = []
  const parsed = new Map<string, string>()
  let dangling = false
  for (const frame of frames) {
    if (frame.type === 'P') {
      const { statement, sql } = postgres.decodeParse(frame)
      after.statements.set(statement, sql)
      parsed.set(statement, sql)
    } else if (frame.type === 'B') {
      const bind = postgres.decodeBind(frame)
      const sql = after.statements.get(bind.statement)
      if (sql === undefined) dangling = true
      else after.portals.set(bind.portal, { statement: bind.statement, sql, binds: bindTexts(bind) })
    } else if (frame.type === 'E') {
      const portal = postgres.decodeExecutePortal(frame)
      const bound = after.portals.get(portal)
      if (bound === undefined) dangling = true
      else {
        executions.push({ sql: bound.sql, binds: bound.binds, portal })
        parsed.delete(bound.statement)
      }
    } else if (frame.type === 'C') {
      const { kind, name } = postgres.decodeTarget(frame)
      ;(kind === 'S' ? after.statements : after.portals).delete(name)
    }
  }
  return { executions, prepares: [...parsed.values()], after, dangling }
}

/** Text as it is; binary in hexadecimal, which names the exact value without knowing its type. */
function bindTexts({ values, formats }: postgres.BindMessage): (string | null)[] {
  return values.map((value, index) =>
    value === undefined ? null : formats[index] === 0 ? value.toString('utf8') : `\\x${value.toString('hex')}`,
  )
}
