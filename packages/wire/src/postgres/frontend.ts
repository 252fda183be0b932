import { Reader } from '../cursor/reader.ts'
import type { Frame } from './frame.ts'

/** Messages of a client that a proxy must understand; all others stay frames. */
export interface ParseMessage {
  readonly statement: string
  readonly sql: string
}

export interface BindMessage {
  readonly portal: string
  readonly statement: string
  /** `undefined` stands for SQL NULL. */
  readonly values: readonly (Buffer | undefined)[]
  /** One format code (0 text, 1 binary) for each value. */
  readonly formats: readonly number[]
}

export function decodeQuerySql(frame: Frame): string {
  return new Reader(frame.body).cstring()
}

export function decodeParse(frame: Frame): ParseMessage {
  const reader = new Reader(frame.body)
  return { statement: reader.cstring(), sql: reader.cstring() }
}

export function decodeBind(frame: Frame): BindMessage {
  const reader = new Reader(frame.body)
  const [portal, statement] = [reader.cstring(), reader.cstring()]
  const codes = Array.from({ length: reader.uint16() }, () => reader.uint16())
  const values = Array.from({ length: reader.uint16() }, () => {
    const length = reader.int32()
    return length === -1 ? undefined : reader.take(length)
  })
  // No codes: all text. One code: for all (docs ch. 55.7, Bind).
  const formats = values.map((_, index) => (codes.length === 1 ? codes[0] : codes[index]) ?? 0)
  return { portal, statement, values, formats }
}

/** The portal that an Execute message names. */
export function decodeExecutePortal(frame: Frame): string {
  return new Reader(frame.body).cstring()
}

/** What a Describe or Close message is about: `S` a statement, `P` a portal. */
export function decodeTarget(frame: Frame): { readonly kind: string; readonly name: string } {
  const reader = new Reader(frame.body)
  return { kind: String.fromCharCode(reader.uint8()), name: reader.cstring() }
}
