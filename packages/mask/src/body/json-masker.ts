import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import { isBare, isJsonScalar, isSpace } from './json-bytes.ts'
import { createJsonLevels, expected } from './json-levels.ts'
import { memberName, standsAt, type MemberName } from './json-names.ts'
import { decodeJsonString, scanJsonString, type JsonString } from './json-string.ts'
import type { ByteMasker, Output } from './output.ts'
import { createPending } from './pending.ts'

/** One string value is held whole, so that what it says is judged whole. */
export const maxStringBytes = 4 * 1024 * 1024
/** Numbers and literals; what is longer is nothing that anyone computes with. */
const maxBareBytes = 1024
/** No detector finds anything in a shorter number: a card has 13 digits, all else has separators. */
const minFoundInNumber = 13
const quote = 0x22
const lineFeed = 0x0a

export interface JsonMasker extends ByteMasker {
  /** After a MaskError: the bytes that were not handed out, from where a value could begin. */
  unread(): Buffer
  /** Whether the name of a member has been read. */
  readonly hasNames: boolean
}

/**
 * Masks JSON text as it streams (RFC 8259; several values in a row are NDJSON). Bytes outside masked values stay as they
 * are: order, white space, number forms. Strings are judged decoded, so that escapes hide nothing, but decoded only where an
 * anchor, an escape or their name asks for it. What is no JSON throws MaskError.
 */
export function createJsonMasker(mask: Mask, tally: Tally): JsonMasker {
  const { inText } = mask.anchors
  const pending = createPending()
  const levels = createJsonLevels(mask)
  const string: JsonString = { anchors: 0, escaped: false, hides: false, state: 0, resumeAt: 0 }
  let hasNames = false
  // What is being read: the bytes that are there, where we are, where the open token begins, and what was handed out.
  let bytes: Buffer = Buffer.alloc(0)
  let at = 0
  let token = 0
  let clean = 0
  let inString = false
  /**
   * The first number or literal since anything that parts values, or -1: held, so that what turns out to be no JSON can still
   * be read as text from there.
   */
  let held = -1

  /** The name that is expected here, if it is what comes. */
  const guess = (): MemberName | undefined => {
    const name = levels.expects === expected.firstName ? levels.member?.first : levels.member?.next
    return name !== undefined && standsAt(name, bytes, at) ? name : undefined
  }

  /** Puts what stands for the token that ends here in its place. */
  const replace = (replacement: string, out: Output): void => {
    out.pass(bytes.subarray(clean, token))
    out.put(replacement)
    clean = at
    held = -1
  }

  const readName = (name: MemberName, out: Output): void => {
    hasNames = true
    if (levels.member !== undefined) {
      if (levels.expects === expected.firstName) levels.member.first = name
      else levels.member.next = name
    }
    levels.name(name)
    if (name.masked) replace(JSON.stringify(mask.text(name.text, tally)), out)
  }

  /** A name or a string; false when its end is not there yet. */
  const readString = (out: Output): boolean => {
    const isName = levels.expects === expected.name || levels.expects === expected.firstName
    if (!inString) {
      token = at
      const known = isName ? guess() : undefined
      if (known !== undefined) {
        at += known.bytes.length + 1
        readName(known, out)
        return true
      }
      at++
      inString = true
      string.state = 0
      string.anchors = 0
      string.escaped = false
      string.hides = false
    }
    const end = scanJsonString(string, bytes, at)
    at = end === -1 ? string.resumeAt : end
    if (at - token > maxStringBytes) throw tooLong()
    if (end === -1) return false
    inString = false
    if (isName) readName(memberName(mask, bytes.subarray(token, at), string.escaped), out)
    else if (!levels.value()) throw new MaskError('ERR_MASK_CONTENT', 'json: unexpected string')
    else if ((string.anchors & inText) !== 0 || string.hides || levels.judges) judgeString(out)
    return true
  }

  const judgeString = (out: Output): void => {
    const value = decodeJsonString(bytes.toString('utf8', token, at), string.escaped)
    const result = levels.isMasked() ? mask.field(value, tally) : mask.named(levels.member?.text, value, tally)
    if (result !== value) replace(JSON.stringify(result), out)
  }

  /** A number, true, false or null; false when its end is not there yet. */
  const readBare = (final: boolean, out: Output): boolean => {
    token = at
    if (held === -1) held = at
    let end = at + 1
    while (end < bytes.length && isBare(bytes[end] ?? 0)) end++
    if (end - token > maxBareBytes)
      throw new MaskError('ERR_MASK_LIMIT', `json: a number has at most ${maxBareBytes} characters`)
    if (end === bytes.length && !final) return false
    at = end
    if (!isJsonScalar(bytes, token, at) || !levels.value())
      throw new MaskError('ERR_MASK_CONTENT', 'json: expected a value')
    if (levels.judges || at - token >= minFoundInNumber) judgeBare(out)
    return true
  }

  const judgeBare = (out: Output): void => {
    const literal = bytes.toString('latin1', token, at)
    if (literal === 'null') return
    const result = levels.isMasked() ? mask.field(literal, tally) : mask.text(literal, tally)
    if (result !== literal) replace(JSON.stringify(result), out)
  }

  const readAll = (final: boolean, out: Output): void => {
    while (at < bytes.length) {
      const byte = bytes[at] ?? 0
      if (byte === quote || inString) {
        if (!readString(out)) return
        held = -1
      } else if (isSpace(byte)) {
        // One space can be within a value that is no JSON.
        if (held !== -1 && (byte === lineFeed || isSpace(bytes[at - 1] ?? 0))) held = -1
        at++
      } else if (isBare(byte)) {
        if (!readBare(final, out)) return
      } else {
        token = at
        if (!levels.punctuate(byte)) throw new MaskError('ERR_MASK_CONTENT', 'json: unexpected character')
        held = -1
        at++
      }
    }
  }

  const run = (more: Buffer, final: boolean, out: Output): void => {
    bytes = more
    clean = 0
    let keep = 0
    try {
      readAll(final, out)
      if (final) held = -1
      keep = inString ? token : held === -1 ? at : held
      if (bytes.length - keep > maxStringBytes) throw tooLong()
    } catch (error) {
      keep = Math.max(clean, held === -1 ? token : held)
      throw error
    } finally {
      out.pass(bytes.subarray(clean, keep))
      pending.keepFrom(keep)
    }
    at -= keep
    token -= keep
    held = held === -1 ? -1 : 0
  }

  return {
    push: (bytes, out) => run(pending.append(bytes), false, out),
    end(out) {
      run(pending.take(), true, out)
      if (inString || levels.expects !== expected.top)
        throw new MaskError('ERR_MASK_CONTENT', 'json: ends before its value does')
    },
    unread: () => pending.take(),
    get hasNames() {
      return hasNames
    },
  }
}

const tooLong = (): MaskError => new MaskError('ERR_MASK_LIMIT', `json: a value has at most ${maxStringBytes} bytes`)
