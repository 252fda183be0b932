import type { EgressRule } from '@chaperone/api'
import type { HttpFacet } from '@chaperone/core'
import { compilePathGlob, matchesPath } from './path-glob.ts'

type HttpMatch = NonNullable<NonNullable<EgressRule['match']>['http']>

/** Compares a request with `match.http`; answers what did not match, or undefined when all did. */
export type HttpMatcher = (http: Omit<HttpFacet, 'body'>) => string | undefined

/** Headers by which frameworks let a request claim another method than the one on its first line. */
const methodOverrides = ['x-http-method-override', 'x-method-override', 'x-http-method']

export function compileHttpMatch(match: HttpMatch | undefined, action: EgressRule['action']): HttpMatcher {
  const methods = match?.methods === undefined ? undefined : new Set(match.methods)
  const globs = match?.paths?.map(compilePathGlob)
  return (http) => {
    if (methods !== undefined && !coversMethods(methods, http, action)) return `method ${http.method}`
    if (globs !== undefined && !globs.some((glob) => matchesPath(glob, http.path))) return 'path'
    return undefined
  }
}

/** A request may be two methods at once: Allow must list all of them, Deny and Approve match on any. */
function coversMethods(
  methods: ReadonlySet<string>,
  http: Omit<HttpFacet, 'body'>,
  action: EgressRule['action'],
): boolean {
  const claimed = [
    http.method,
    ...methodOverrides.flatMap((name) =>
      http.headers[name] === undefined ? [] : [http.headers[name].trim().toUpperCase()],
    ),
  ]
  return action === 'Allow'
    ? claimed.every((method) => methods.has(method))
    : claimed.some((method) => methods.has(method))
}
