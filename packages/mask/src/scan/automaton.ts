import type { AnchorItem } from './anchor-pattern.ts'

/**
 * All anchors as one deterministic automaton over bytes (Aho–Corasick, with sets for characters): one table look-up a byte,
 * however many anchors there are.
 */
export interface Automaton {
  /** The class of each byte. */
  readonly classes: Uint8Array
  /** The next state, at `(state << classBits) | class`. 0 is the start. */
  readonly next: Uint16Array
  /** States from here on have something to say: `stop`, or anchors that end here. */
  readonly firstSpecial: number
  /** A control character, a quote or a backslash: what follows starts anew. */
  readonly stop: number
  /** Bits of the anchors that end in each state. */
  readonly anchors: Int32Array
}

/** As many as ASCII has characters, and one for all others: anchors never run out of them. */
export const classBits = 7
/** What 16 bits can number; the built-in anchors need a sixtieth. */
const maxStates = 0xffff

/** A place within an anchor: before `item`, or its end. */
interface Place {
  readonly item: AnchorItem | undefined
  readonly bit: number
}

/** `groups[n]` are the anchors that set bit n. */
export function compileAutomaton(groups: readonly (readonly (readonly AnchorItem[])[])[]): Automaton {
  const places: Place[] = []
  const starts: number[] = []
  for (const [bit, anchors] of groups.entries()) {
    for (const items of anchors) {
      starts.push(places.length)
      for (const item of items) places.push({ item, bit })
      places.push({ item: undefined, bit })
    }
  }
  const { classes, count } = classify(places)
  const steps = places.map(({ item }) => classesOf(item, classes))
  const reached = (place: number): number[] => {
    const result = [place]
    for (let at = place; places[at]?.item?.optional === true; at++) result.push(at + 1)
    return result
  }
  const closures = places.map((_, place) => reached(place))
  const start = starts.flatMap((place) => reached(place))
  // Every state is also at the start of each anchor, so that sets hold only what lies beyond.
  const fromStart = after(start, steps, closures)

  const ids = new Map<string, number>([['', 0]])
  const sets: (readonly number[])[] = [[]]
  const idOf = (set: readonly number[]): number => {
    const key = set.join()
    const known = ids.get(key)
    if (known !== undefined) return known
    ids.set(key, sets.length)
    return sets.push(set) - 1
  }
  const startRow = Array.from({ length: count }, (_, index) => idOf(sorted(fromStart.get(index) ?? [])))
  const rows: number[][] = []
  for (let state = 0; state < sets.length; state++) {
    // Most bytes lead nowhere from what has begun, only from the start.
    const row = [...startRow]
    for (const [index, set] of after(sets[state] ?? [], steps, closures))
      row[index] = idOf(sorted([...set, ...(fromStart.get(index) ?? [])]))
    rows.push(row)
  }
  if (sets.length >= maxStates) throw new RangeError(`anchors: at most ${maxStates} states`)
  const found = sets.map((set) => set.reduce((bits, place) => bits | endBit(places[place]), 0))
  return layOut(rows, found, classes)
}

const sorted = (places: readonly number[]): number[] => [...new Set(places)].sort((a, b) => a - b)

const endBit = (place: Place | undefined): number =>
  place === undefined || place.item !== undefined ? 0 : 1 << place.bit

/** Puts the states that say something last, so that one comparison tells. */
function layOut(rows: readonly number[][], found: readonly number[], classes: Uint8Array): Automaton {
  const silent = found.filter((bits) => bits === 0).length
  let [nextSilent, nextSpecial] = [0, silent]
  const order = found.map((bits) => (bits === 0 ? nextSilent++ : nextSpecial++))
  const stop = rows.length
  const next = new Uint16Array((rows.length + 1) << classBits)
  const anchors = new Int32Array(rows.length + 1)
  const put = (state: number, row: readonly number[]): void => {
    row.forEach((to, index) => (next[(state << classBits) | (index + 1)] = order[to] ?? 0))
    next[state << classBits] = stop
  }
  rows.forEach((row, index) => {
    put(order[index] ?? 0, row)
    anchors[order[index] ?? 0] = found[index] ?? 0
  })
  put(stop, rows[0] ?? [])
  return { classes, next, firstSpecial: silent, stop, anchors }
}

/** Bytes that no anchor tells apart share a class; class 0 stops. */
function classify(places: readonly Place[]): { classes: Uint8Array; count: number } {
  const classes = new Uint8Array(256)
  const known = new Map<string, number>()
  for (let byte = 0; byte < 256; byte++) {
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) continue
    const key = places.map(({ item }) => (item?.bytes.has(byte) === true ? '1' : '0')).join('')
    if (!known.has(key)) known.set(key, known.size + 1)
    classes[byte] = known.get(key) ?? 0
  }

  return { classes, count: known.size }
}

/** Classes by index from 0: those of the table are one more. */
function classesOf(item: AnchorItem | undefined, classes: Uint8Array): readonly number[] {
  return [...new Set([...(item?.bytes ?? [])].map((byte) => (classes[byte] ?? 0) - 1))]
}

/** Where each class of bytes leads from `from`; those that lead nowhere are left out. */
function after(
  from: readonly number[],
  steps: readonly (readonly number[])[],
  closures: readonly (readonly number[])[],
): Map<number, number[]> {
  const result = new Map<number, number[]>()
  for (const place of from) {
    for (const step of steps[place] ?? []) {
      const reached = closures[place + 1] ?? []
      const known = result.get(step)
      if (known === undefined) result.set(step, [...reached])
      else known.push(...reached)
    }
  }
  return result
}
