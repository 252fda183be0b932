/**
 * The names that a DNS question may stand for, likeliest first. A resolver that was asked for `db.prod.svc` tries
 * `db.prod.svc.<search>` for each search suffix, and nothing in the question tells that from the full name.
 *
 * Resolvers try the first suffix first, and it is answered when a rule names the name; so a question below the first
 * suffix most likely is its work, and a question below a later one is a full name.
 */
export function searchCandidates(name: string, search: readonly string[]): readonly string[] {
  const stripped = search.flatMap((suffix) => (isBelow(name, suffix) ? name.slice(0, -suffix.length - 1) : []))
  const first = search[0]
  const unique = new Set(first !== undefined && isBelow(name, first) ? [...stripped, name] : [name, ...stripped])
  return [...unique]
}

/** Whether the name ends with a search suffix, so that `NXDOMAIN` makes the resolver try the next one. */
export function isBelowSearch(name: string, search: readonly string[]): boolean {
  return search.some((suffix) => isBelow(name, suffix))
}

function isBelow(name: string, suffix: string): boolean {
  return name.length > suffix.length + 1 && name.endsWith(`.${suffix}`)
}
