export type Members = Record<string, unknown>

/** The members of an object of JSON; undefined for anything else. */
export function members(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
}

/** The objects in a list; none for anything else. */
export function list(value: unknown): Members[] {
  return Array.isArray(value) ? value.map(members).filter((each) => each !== undefined) : []
}
