import type { SqlVerb } from '@chaperone/core'
import type { ClassifiedSql } from './judge.ts'
import { maxPrepared, maxPreparedBytes } from './limits.ts'
import type { NameChange } from './replies.ts'

/** A statement bound to values, ready to be executed. */
export interface Portal {
  readonly sql: ClassifiedSql
  readonly binds: readonly (string | null)[]
}

/**
 * What the server has acknowledged to be prepared. What is judged is what these names stand for, so they change only when
 * the server says so: after an error it keeps what it had, whatever the client asked for.
 */
export interface PreparedNames {
  statement(name: string): ClassifiedSql | undefined
  portal(name: string): Portal | undefined
  setStatement(name: string, sql: ClassifiedSql | undefined): void
  setPortal(name: string, portal: Portal | undefined): void
  forgetPortals(): void
  /** Whether these may be added without more than is allowed. */
  fits(statements: Iterable<ClassifiedSql>, portals: Iterable<Portal>): boolean
  /** What running `sql` does to the names behind the protocol's back. */
  changeBy(sql: ClassifiedSql): NameChange | undefined
}

export function createPreparedNames(): PreparedNames {
  const statements = new Map<string, ClassifiedSql>()
  const portals = new Map<string, Portal>()
  let bytes = 0

  function put<T>(map: Map<string, T>, name: string, value: T | undefined, sizeOf: (value: T) => number): void {
    const before = map.get(name)
    if (before !== undefined) bytes -= name.length + sizeOf(before)
    if (value === undefined) map.delete(name)
    else {
      map.set(name, value)
      bytes += name.length + sizeOf(value)
    }
  }
  const names: PreparedNames = {
    statement: (name) => statements.get(name),
    portal: (name) => portals.get(name),
    setStatement: (name, sql) => put(statements, name, sql, statementSize),
    setPortal: (name, portal) => put(portals, name, portal, portalSize),
    forgetPortals() {
      for (const name of [...portals.keys()]) names.setPortal(name, undefined)
    },
    fits(moreStatements, morePortals) {
      const [newStatements, newPortals] = [[...moreStatements], [...morePortals]]
      const added =
        newStatements.reduce((sum, sql) => sum + statementSize(sql), 0) +
        newPortals.reduce((sum, portal) => sum + portalSize(portal), 0)
      return (
        statements.size + newStatements.length <= maxPrepared &&
        portals.size + newPortals.length <= maxPrepared &&
        bytes + added <= maxPreparedBytes
      )
    },
    changeBy(sql) {
      const forgotten = forgottenBy(sql)
      if (forgotten === undefined) return undefined
      return {
        of: forgotten.statements === undefined ? 'portals' : 'both',
        apply() {
          if (forgotten.portals) names.forgetPortals()
          if (forgotten.statements === 'all')
            for (const name of [...statements.keys()]) names.setStatement(name, undefined)
          else if (forgotten.statements !== undefined) names.setStatement(forgotten.statements.name, undefined)
        },
      }
    },
  }
  return names
}

const statementSize = ({ text }: ClassifiedSql): number => text.length
const portalSize = ({ binds }: Portal): number => binds.reduce((sum, value) => sum + (value?.length ?? 0), 0)

/** Names that may stand for something else once a statement has run. */
export interface Forgotten {
  readonly portals: boolean
  readonly statements: 'all' | { readonly name: string } | undefined
}

/**
 * What SQL takes away from names of the protocol, which PREPARE and DECLARE may then give to something else: they fail
 * while a name is taken. A cursor is a portal. Portals also go with CLOSE and with their transaction or savepoint.
 */
export function forgottenBy({ text, statements }: ClassifiedSql): Forgotten | undefined {
  const mayEnd = statements.some(({ verbs }) => verbs.some((verb) => endingVerbs.has(verb)))
  const portals = /\bdeclare\b/i.test(text) || (mayEnd && endsPortals.test(text))
  const deallocated = deallocation(text)
  return portals || deallocated !== undefined ? { portals, statements: deallocated } : undefined
}

/** Of transaction control, of CLOSE and DISCARD, and of DO. */
const endingVerbs: ReadonlySet<SqlVerb> = new Set(['Transaction', 'Set', 'Call'])
const endsPortals = /\b(?:commit|end|rollback|abort|prepare|close|discard)\b/i

/** Names as SQL and the protocol both spell them: longer ones are cut by SQL alone (NAMEDATALEN). */
const oneDeallocate =
  /^\s*deallocate\s+(?:prepare\s+)?(?:"(?<quoted>[\x20\x21\x23-\x7e]{1,63})"|(?<plain>[a-z_][a-z0-9_]{0,62}))\s*;?\s*$/i

/**
 * Whose statements DEALLOCATE or DISCARD end; the names may then be PREPAREd anew. Keywords cannot be written in any other
 * way, so text without them does neither; of text that is not simply one DEALLOCATE all are forgotten.
 */
function deallocation(text: string): 'all' | { readonly name: string } | undefined {
  if (!/\b(?:deallocate|discard)\b/i.test(text)) return undefined
  const one = oneDeallocate.exec(text)?.groups
  if (one?.['quoted'] !== undefined) return { name: one['quoted'] }
  const plain = one?.['plain']?.toLowerCase()
  return plain === undefined || plain === 'all' ? 'all' : { name: plain }
}
