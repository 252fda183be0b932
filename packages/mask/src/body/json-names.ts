import { anchorsOf } from '../detectors/anchors.ts'
import type { Mask } from '../mask.ts'
import { createTally } from '../tally.ts'
import { decodeJsonString } from './json-string.ts'

/** The name of a member, and what of it matters to a mask. */
export interface MemberName {
  readonly text: string
  /** Whether a detector finds something in it. */
  readonly masked: boolean
  /** Whether it could make something of its value that the value alone is not. */
  readonly tells: boolean
  /** Whether a field rule may end in it. */
  readonly field: boolean
  /** With its closing quote. */
  readonly bytes: Buffer
  /** What came behind it the last time, and first in the object that was its value: records repeat. */
  next: MemberName | undefined
  first: MemberName | undefined
}

/** Bodies have few names, each many times, and the next body the same again. */
const maxKnown = 1024
const maxKnownBytes = 64
const namesOfMasks = new WeakMap<Mask, Map<string, MemberName>>()

/** A name with its quotes; `escaped` if there are escapes in it. */
export function memberName(mask: Mask, literal: Buffer, escaped: boolean): MemberName {
  const text = decodeJsonString(literal.toString(), escaped)
  const known = namesOfMasks.get(mask) ?? new Map<string, MemberName>()
  namesOfMasks.set(mask, known)
  const name = known.get(text)
  if (name !== undefined) return name
  const described: MemberName = {
    text,
    masked: mask.text(text, createTally()) !== text,
    tells: (anchorsOf(text) & mask.anchors.inName) !== 0,
    field: mask.fields?.endsIn(text) === true,
    bytes: Buffer.from(JSON.stringify(text).slice(1)),
    next: undefined,
    first: undefined,
  }
  if (known.size >= maxKnown) known.clear()
  if (literal.length <= maxKnownBytes) known.set(text, described)
  return described
}

/** Whether `name` stands behind the quote at `quote`. */
export function standsAt({ bytes: name }: MemberName, bytes: Buffer, quote: number): boolean {
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[quote + 1 + at]) return false
  return true
}
