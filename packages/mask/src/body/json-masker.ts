import { MaskError } from '../errors.ts'
import type { Mask, Tally } from '../mask.ts'
import type { TextMasker } from './text-masker.ts'

/** One string value is held whole, so that what it says is judged whole. */
export const maxStringCharacters = 4 * 1024 * 1024
const maxDepth = 128

interface Level {
  readonly array: boolean
  /** The name of the member that comes next, in an object. */
  name: string | undefined
  /** Everything below is masked, because a field rule names it. */
  readonly masked: boolean
}

/**
 * Masks JSON text as it streams (RFC 8259; several values in a row are NDJSON). Bytes outside masked values stay as they
 * are: order, white space, number forms. Strings are judged decoded, so that escapes hide nothing. What is no JSON throws
 * MaskError.
 */
export function createJsonMasker(mask: Mask, tally: Tally): TextMasker {
  let pending = ''
  const levels: Level[] = []

  const path = (): string[] => levels.flatMap((level) => (level.name === undefined ? [] : [level.name]))
  const isMasked = (): boolean => levels.at(-1)?.masked === true || (mask.fields?.matches(path()) ?? false)

  const openLevel = (array: boolean): void => {
    if (levels.length >= maxDepth) throw new MaskError('ERR_MASK_LIMIT', `json: nested deeper than ${maxDepth}`)
    levels.push({ array, name: undefined, masked: isMasked() })
  }

  /** A string literal with its quotes: a member name, or a value. */
  const string = (literal: string, isName: boolean): string => {
    const value = decodeString(literal)
    if (isName) {
      const level = levels.at(-1)
      if (level !== undefined) level.name = value
      const masked = mask.text(value, tally)
      return masked === value ? literal : JSON.stringify(masked)
    }
    const masked = isMasked() ? mask.field(value, tally) : mask.named(levels.at(-1)?.name, value, tally)
    return masked === value ? literal : JSON.stringify(masked)
  }

  /** A number, true, false or null. */
  const bare = (literal: string): string => {
    if (!/^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/.test(literal))
      throw new MaskError('ERR_MASK_CONTENT', 'json: expected a value')
    if (literal === 'null') return literal
    const masked = isMasked() ? mask.field(literal, tally) : mask.text(literal, tally)
    return masked === literal ? literal : JSON.stringify(masked)
  }

  const run = (final: boolean): string => {
    let out = ''
    let at = 0
    while (at < pending.length) {
      const character = pending.charAt(at)
      if (character === '"') {
        const end = stringEnd(pending, at)
        if (end === -1) break
        let after = end
        while (after < pending.length && isSpace(pending.charCodeAt(after))) after++
        // Whether it is a name or a value shows in what follows.
        if (after === pending.length && !final) break
        const level = levels.at(-1)
        out += string(
          pending.slice(at, end),
          level !== undefined && !level.array && pending.charAt(after) === ':' && level.name === undefined,
        )
        at = end
      } else if (isBare(pending.charCodeAt(at))) {
        let end = at + 1
        while (end < pending.length && isBare(pending.charCodeAt(end))) end++
        if (end === pending.length && !final) break
        out += bare(pending.slice(at, end))
        at = end
      } else {
        if (character === '{' || character === '[') openLevel(character === '[')
        else if (character === '}' || character === ']') levels.pop()
        else if (character === ',') resetName(levels)
        else if (character !== ':' && !isSpace(pending.charCodeAt(at)))
          throw new MaskError('ERR_MASK_CONTENT', 'json: unexpected character')
        out += character
        at++
      }
    }
    pending = pending.slice(at)
    if (pending.length > maxStringCharacters)
      throw new MaskError('ERR_MASK_LIMIT', `json: a value has at most ${maxStringCharacters} characters`)
    return out
  }

  return {
    push(text) {
      pending += text
      return run(false)
    },
    end() {
      const out = run(true)
      if (pending !== '' || levels.length > 0)
        throw new MaskError('ERR_MASK_CONTENT', 'json: ends before its value does')
      return out
    },
  }
}

/** Space, tab, line feed, carriage return (RFC 8259 §2). */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/** Letters, digits, `_`, and `+ - .`: what numbers and literals are made of, and what could be taken for them. */
function isBare(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e
  )
}

function resetName(levels: Level[]): void {
  const level = levels.at(-1)
  if (level !== undefined) level.name = undefined
}

/** Just behind the closing quote, or -1. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charAt(at - 1 - backslashes) === '\\') backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return -1
}

function decodeString(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return JSON.parse(literal) as string
  } catch {
    throw new MaskError('ERR_MASK_CONTENT', 'json: invalid string')
  }
}
