import type { EgressRule } from '@chaperone/api'
import { compilePathGlob } from './path-glob.ts'
import type { PathReadings } from './path-readings.ts'

type HttpMatch = NonNullable<NonNullable<EgressRule['match']>['http']>

/** A request as rules read it, under one of the methods it claims. */
export interface RequestReading {
  readonly method: string
  readonly path: PathReadings
}

/** Compares a request with `match.http`; answers what did not match, or undefined when all did. */
export type HttpMatcher = (request: RequestReading) => string | undefined

/** Allow reads method and path exactly; Deny and Approve also match other spellings of the same. */
export function compileHttpMatch(match: HttpMatch | undefined, action: EgressRule['action']): HttpMatcher {
  const exact = action === 'Allow'
  const methods = match?.methods === undefined ? undefined : new Set(match.methods)
  const paths = match?.paths?.map((glob) => compilePathGlob(glob, exact ? 'exact' : 'loose'))
  return ({ method, path }) => {
    if (methods?.has(exact ? method : method.toUpperCase()) === false) return `method ${method}`
    if (paths?.some((matches) => matches(path)) === false) return 'path'
    return undefined
  }
}
