import { automaton } from '../detectors/anchors.ts'
import { classBits } from '../scan/automaton.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'

const { classes, next } = automaton

/** A text that goes on for longer without a place to part is parted all the same. */
const maxHeld = 16 * 1024
/** A name that promises a secret, whose value has not come yet. */
const awaitsSecret =
  /(?:passw(?:or)?d|pwd|secret|token|key|authorization|credential)s?["']?[ \t]{0,4}(?:[:=][ \t]{0,4}["']?(?:bearer |basic )?)?$/i
/** Longer than what that matches. */
const maxAwaited = 40
const pemEnd = /-----END [A-Z0-9 ]+-----/

/** Masks a text that comes in small pieces and is read as it comes: only what could become a value is held back. */
export interface DeltaMasker {
  push(piece: string): string
  end(): string
}

export function createDeltaMasker(mask: Mask, tally: Tally): DeltaMasker {
  let held = ''
  const give = (end: number): string => {
    const ready = held.slice(0, end)
    held = held.slice(end)
    return ready === '' ? '' : mask.text(ready, tally)
  }
  return {
    push(piece) {
      held += piece
      return give(held.length > maxHeld ? held.length : partOf(held))
    },
    end: () => give(held.length),
  }
}

/** The last place where one word ends, no anchor has begun, and no name waits for its value. */
function partOf(text: string): number {
  const begin = text.lastIndexOf('-----BEGIN ')
  const end = begin === -1 ? null : pemEnd.exec(text.slice(begin))
  const block = begin === -1 ? text.length : begin
  const behind = end === null ? text.length + 1 : begin + end.index + end[0].length
  let part = 0
  let state = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const byteClass = classes[code < 0x80 ? code : 0x80] ?? 0
    state = next[(state << classBits) | byteClass] ?? 0
    // As if nothing had been before it, and not within a key.
    const fresh = state === next[byteClass] && (at < block || at >= behind)
    if (fresh && parts(code) && !awaitsSecret.test(text.slice(Math.max(0, at + 1 - maxAwaited), at + 1))) part = at + 1
  }
  return part
}

/** White space, brackets, commas, and the scripts that are written without spaces. */
function parts(code: number): boolean {
  return (
    code <= 0x20 ||
    code === 0x2c ||
    code === 0x3c ||
    code === 0x3e ||
    code === 0x7b ||
    code === 0x7d ||
    (code >= 0x2e80 && (code < 0xd800 || code > 0xdfff))
  )
}
