/** How often something was masked; never what. */
export interface Finding {
  /** A detector, `Field` or `Column`. */
  readonly detector: string
  readonly count: number
}

/** Counts of one exchange. */
export interface Tally {
  add(detector: string): void
  include(findings: readonly Finding[]): void
  readonly total: number
  readonly findings: readonly Finding[]
}

export function createTally(): Tally {
  const counts = new Map<string, number>()
  const add = (detector: string, count: number): void => void counts.set(detector, (counts.get(detector) ?? 0) + count)
  return {
    add: (detector) => add(detector, 1),
    include: (findings) => findings.forEach(({ detector, count }) => add(detector, count)),
    get total() {
      return [...counts.values()].reduce((sum, count) => sum + count, 0)
    },
    get findings() {
      return [...counts].map(([detector, count]) => ({ detector, count }))
    },
  }
}
