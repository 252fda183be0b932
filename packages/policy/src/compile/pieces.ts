import type { Action, HttpFacet } from '@chaperone/core'
import { claimedMethods } from '../http/claimed-methods.ts'
import type { RequestReading } from '../http/match-http.ts'
import { normalisePath } from '../http/normalise-path.ts'
import { pathKeys } from '../http/path-keys.ts'
import { readPath } from '../http/path-readings.ts'
import { readStatement, type StatementReading } from '../sql/match-sql.ts'
import { tableKeys } from '../sql/table-keys.ts'

/** One judgeable piece of an action: a request under one of the methods it claims, or one of the statements of a query. */
export type Piece = (
  | { readonly protocol: 'HTTP'; readonly request: RequestReading }
  | { readonly protocol: 'Postgres'; readonly statement: StatementReading }
) & {
  /** A rule that has keys can match only when it has one of these; undefined: any rule may match. */
  readonly keys: readonly string[] | undefined
}

/** A request has one method, and perhaps an override; more is an attempt to be costly. */
const maxClaimedMethods = 4

/** The pieces of an action, each of which must pass; none for an empty query. Undefined when it cannot be judged. */
export function piecesOf(action: Exclude<Action, { protocol: 'TLS' }>): readonly Piece[] | undefined {
  if (action.protocol === 'HTTP') return requestPieces(action.http)
  return action.sql.statements.map((each) => {
    const statement = readStatement(each)
    return { protocol: 'Postgres', statement, keys: tableKeys(statement) }
  })
}

export function requestPieces(http: Omit<HttpFacet, 'body'>): readonly Piece[] | undefined {
  // Normalising is the caller's duty; a rule must not be walked around when it is forgotten.
  if (normalisePath(http.path)?.path !== http.path) return undefined
  const methods = claimedMethods(http)
  if (methods.length > maxClaimedMethods) return undefined
  const path = readPath(http.path)
  const keys = pathKeys(path)
  return methods.map((method) => ({ protocol: 'HTTP', request: { method, path }, keys }))
}
