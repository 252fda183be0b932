import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { MemberName } from './json-names.ts'

const maxDepth = 128

/** What may come next (RFC 8259 §2–5). Those that take a value come first. */
export const expected = { top: 0, value: 1, firstValue: 2, name: 3, firstName: 4, colon: 5, comma: 6 } as const
type Expected = (typeof expected)[keyof typeof expected]

/** Where in a JSON text we are, and what its place says of a value. Plain fields: they are read for every token. */
export interface JsonLevels {
  expects: Expected
  /** The member whose value comes next, in whose array we are, or behind or below which the next name stands. */
  member: MemberName | undefined
  /** A bracket, colon or comma; false when it may not be here. */
  punctuate(byte: number): boolean
  /** Whether the place of a value says something of it: its name does, or a field rule could. */
  judges: boolean
  name(name: MemberName): void
  /** Whether a field rule masks the value that comes next. */
  isMasked(): boolean
  /** A value was here; false when none may be. */
  value(): boolean
}

export function createJsonLevels(mask: Mask): JsonLevels {
  let depth = 0
  // Of the levels that are open, by depth from 1.
  const isArray = new Uint8Array(maxDepth + 1)
  const isMaskedBelow = new Uint8Array(maxDepth + 1)
  /** The member that each level is the value of. */
  const members = new Array<MemberName | undefined>(maxDepth + 1)

  const open = (array: number): boolean => {
    if (levels.expects > expected.firstValue) return false
    if (depth === maxDepth) throw new MaskError('ERR_MASK_LIMIT', `json: nested deeper than ${maxDepth}`)
    const masked = levels.isMasked()
    depth++
    isArray[depth] = array
    isMaskedBelow[depth] = masked ? 1 : 0
    members[depth] = levels.member
    levels.judges = masked || (array === 1 && levels.member?.tells === true)
    levels.expects = array === 1 ? expected.firstValue : expected.firstName
    return true
  }

  const close = (array: number): boolean => {
    if (depth === 0 || isArray[depth] !== array) return false
    if (
      levels.expects !== expected.comma &&
      levels.expects !== (array === 1 ? expected.firstValue : expected.firstName)
    )
      return false
    levels.member = members[depth]
    depth--
    levels.judges = isMaskedBelow[depth] === 1 || (isArray[depth] === 1 && levels.member?.tells === true)
    levels.expects = depth === 0 ? expected.top : expected.comma
    return true
  }

  /** The names from the root to the value that comes next. */
  const path = (): string[] => {
    const names: string[] = []
    for (let level = 2; level <= depth; level++) if (isArray[level - 1] === 0) names.push(members[level]?.text ?? '')
    names.push(levels.member?.text ?? '')
    return names
  }

  const levels: JsonLevels = {
    expects: expected.top,
    member: undefined,
    judges: false,
    name(name) {
      levels.member = name
      levels.judges = name.tells || name.field || isMaskedBelow[depth] === 1
      levels.expects = expected.colon
    },
    punctuate(byte) {
      switch (byte) {
        case 0x2c: // ,
          if (levels.expects !== expected.comma) return false
          levels.expects = isArray[depth] === 1 ? expected.value : expected.name
          return true
        case 0x3a: // :
          if (levels.expects !== expected.colon) return false
          levels.expects = expected.value
          return true
        case 0x7b: // {
          return open(0)
        case 0x7d: // }
          return close(0)
        case 0x5b: // [
          return open(1)
        case 0x5d: // ]
          return close(1)
        // Between the texts of a sequence (RFC 7464).
        case 0x1e:
          return levels.expects === expected.top
        default:
          return false
      }
    },
    isMasked: () =>
      isMaskedBelow[depth] === 1 ||
      (levels.member?.field === true && isArray[depth] === 0 && mask.fields?.matches(path()) === true),
    value() {
      if (levels.expects > expected.firstValue) return false
      levels.expects = depth === 0 ? expected.top : expected.comma
      return true
    },
  }
  return levels
}
