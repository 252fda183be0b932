import type { HttpFacet } from '@chaperone/core'

/** Headers by which frameworks let a request claim another method than the one on its first line. */
export const methodOverrideHeaders = ['x-http-method-override', 'x-method-override', 'x-http-method'] as const

/**
 * Every method that a request may be taken for: its own, then those of the override headers and of the query parameter
 * `_method`, in upper case. Each is judged. A `_method` in a form body is not seen.
 */
export function claimedMethods(http: Omit<HttpFacet, 'body'>): readonly string[] {
  const methods = [http.method]
  for (const name of methodOverrideHeaders) {
    const value = http.headers[name]
    if (value !== undefined) methods.push(...value.split(',').map(canonical))
  }
  if (http.query.includes('_method') || http.query.includes('%')) {
    for (const [name, value] of new URLSearchParams(http.query)) if (name === '_method') methods.push(canonical(value))
  }
  return methods.length === 1 ? methods : [...new Set(methods)].filter((method) => method !== '')
}

function canonical(value: string): string {
  return value.trim().toUpperCase()
}
