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
  push(piece: string, tally: Tally): string
  end(tally: Tally): string
}

export function createDeltaMasker(mask: Mask): DeltaMasker {
  let held = ''
  let scanned = 0
  let state = 0
  const give = (end: number, tally: Tally): string => {
    const ready = held.slice(0, end)
    held = held.slice(end)
    scanned -= end
    return ready === '' ? '' : mask.text(ready, tally)
  }

  /** The last place where one word ends, no anchor has begun, no key is open and no name waits for its value. */
  const partOf = (): number => {
    const [begin, end] = keyIn(held)
    let part = 0
    for (; scanned < held.length; scanned++) {
      const code = held.charCodeAt(scanned)
      const byteClass = classes[code < 0x80 ? code : 0x80] ?? 0
      state = next[(state << classBits) | byteClass] ?? 0
      // As if nothing had been before it.
      const fresh = state === next[byteClass] && (scanned < begin || scanned >= end)
      const after = scanned + 1
      if (fresh && parts(code) && !awaitsSecret.test(held.slice(Math.max(0, after - maxAwaited), after))) part = after
    }
    return part
  }

  return {
    push(piece, tally) {
      held += piece
      const part = partOf()
      return give(held.length - part > maxHeld ? held.length : part, tally)
    },
    end: (tally) => give(held.length, tally),
  }
}

/** From where to where the last PEM block goes; to beyond the text when it is not closed. */
function keyIn(text: string): [number, number] {
  const begin = text.lastIndexOf('-----BEGIN ')
  if (begin === -1) return [text.length, text.length]
  const end = pemEnd.exec(text.slice(begin))
  return [begin, end === null ? text.length + 1 : begin + end.index + end[0].length]
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
