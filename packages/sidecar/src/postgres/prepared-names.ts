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
  /** What running `text` does to the names behind the protocol's back. */
  changeBy(text: string): NameChange | undefined
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
    changeBy(text) {
      const deallocated = deallocation(text)
      const declares = /\bdeclare\b/i.test(text)
      if (deallocated === undefined && !declares) return undefined
      return {
        of: 'both',
        apply() {
          // A cursor is a portal, and takes a name that the protocol's own may have had.
          if (declares) names.forgetPortals()
          if (deallocated === 'all') for (const name of [...statements.keys()]) names.setStatement(name, undefined)
          else if (deallocated !== undefined) names.setStatement(deallocated.name, undefined)
        },
      }
    },
  }
  return names
}

const statementSize = ({ text }: ClassifiedSql): number => text.length
const portalSize = ({ binds }: Portal): number => binds.reduce((sum, value) => sum + (value?.length ?? 0), 0)

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
