import { MaskError } from '../errors.ts'
import { automaton } from '../detectors/anchors.ts'
import { classBits } from '../scan/automaton.ts'

/** What is known of a string literal that is being read, in as many pieces as it comes in. */
export interface JsonString {
  anchors: number
  escaped: boolean
  /** There are escapes that could hide an anchor: `\u` anything, and `\/` a slash. The others stand for what ends a value. */
  hides: boolean
  state: number
  /** Where to go on once there are more bytes. */
  resumeAt: number
}

const { classes, next, firstSpecial, stop, anchors } = automaton
const quote = 0x22
const backslash = 0x5c

/** Reads on from `at`: gives the place behind the closing quote, or -1 when it is not there yet. */
export function scanJsonString(string: JsonString, bytes: Buffer, from: number): number {
  const end = bytes.length
  let { state, anchors: found } = string
  let at = from
  while (at < end) {
    const byte = bytes[at++] ?? 0
    state = next[(state << classBits) | (classes[byte] ?? 0)] ?? 0
    if (state < firstSpecial) continue
    if (state !== stop) found |= anchors[state] ?? 0
    else if (byte === quote) {
      string.anchors = found
      return at
    } else if (byte !== backslash) throw new MaskError('ERR_MASK_CONTENT', 'json: control character in a string')
    else if (at === end) {
      // An escape is read in one piece.
      at--
      break
    } else {
      string.escaped = true
      if (isHiding(bytes[at++] ?? 0)) string.hides = true
    }
  }
  string.state = state
  string.anchors = found
  string.resumeAt = at
  return -1
}

function isHiding(byte: number): boolean {
  switch (byte) {
    case 0x75: // u
    case 0x2f: // /
      return true
    case quote:
    case backslash:
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return false
    default:
      throw new MaskError('ERR_MASK_CONTENT', 'json: invalid escape')
  }
}

/** What a literal stands for, with its quotes. */
export function decodeJsonString(literal: string, escaped: boolean): string {
  if (!escaped) return literal.slice(1, -1)
  try {
    return JSON.parse(literal) as string
  } catch {
    throw new MaskError('ERR_MASK_CONTENT', 'json: invalid string')
  }
}
