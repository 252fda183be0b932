import { parseAnchor } from '../scan/anchor-pattern.ts'
import { classBits, compileAutomaton, type Automaton } from '../scan/automaton.ts'
import { allDetectors } from './index.ts'

/**
 * The anchors of every detector; bit n stands for the nth. One for all masks, and a constant, so that the loops over bytes are
 * compiled for it.
 */
export const automaton: Automaton = compileAutomaton(allDetectors.map(({ anchors }) => anchors.map(parseAnchor)))

const { classes, next, firstSpecial, anchors } = automaton

/** Which anchors `text` holds. */
export function anchorsOf(text: string): number {
  let state = 0
  let found = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    state = next[(state << classBits) | (classes[code < 0x80 ? code : 0x80] ?? 0)] ?? 0
    if (state >= firstSpecial) found |= anchors[state] ?? 0
  }
  return found
}
