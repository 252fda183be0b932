import type { CompiledRule } from './compiled-rule.ts'
import type { Piece } from './pieces.ts'

/** The rules of one list that apply to a host. */
export interface HostRules {
  /** In list order. */
  readonly all: readonly CompiledRule[]
  /** The first rule that matches; only rules that share a key with the piece, or need none, are tried. */
  firstMatch(port: number, piece: Piece): CompiledRule | undefined
}

export function indexRules(all: readonly CompiledRule[]): HostRules {
  const keyless: number[] = []
  const byKey = new Map<string, number[]>()
  for (const [index, rule] of all.entries()) {
    if (rule.keys === undefined) keyless.push(index)
    for (const key of rule.keys ?? []) {
      const indexes = byKey.get(key)
      if (indexes === undefined) byKey.set(key, [index])
      else indexes.push(index)
    }
  }
  /** The first index below `best` whose rule matches, or else `best`. */
  const improve = (best: number, indexes: readonly number[], port: number, piece: Piece): number => {
    for (const index of indexes) {
      if (index >= best) return best
      if (all[index]?.mismatch(port, piece) === undefined) return index
    }
    return best
  }
  return {
    all,
    firstMatch(port, piece) {
      if (piece.keys === undefined) return all.find((rule) => rule.mismatch(port, piece) === undefined)
      let best = improve(all.length, keyless, port, piece)
      for (const key of piece.keys) {
        const indexes = byKey.get(key)
        if (indexes !== undefined) best = improve(best, indexes, port, piece)
      }
      return all[best]
    },
  }
}
