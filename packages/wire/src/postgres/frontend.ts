import { Reader } from '../cursor/reader.ts'
import { WireError } from '../errors.ts'
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

/** The SQL of a Query; also the text of a PasswordMessage, which has the same form. */
export function decodeQuerySql(frame: Frame): string {
  const reader = new Reader(frame.body)
  const sql = reader.cstring()
  reader.end('Query')
  return sql
}

export function decodeParse(frame: Frame): ParseMessage {
  const reader = new Reader(frame.body)
  const [statement, sql] = [reader.cstring(), reader.cstring()]
  // OIDs of parameter types.
  reader.take(4 * reader.uint16())
  reader.end('Parse')
  return { statement, sql }
}

export function decodeBind(frame: Frame): BindMessage {
  const reader = new Reader(frame.body)
  const [portal, statement] = [reader.cstring(), reader.cstring()]
  const codes = formatCodes(reader)
  const values = Array.from({ length: reader.uint16() }, () => {
    const length = reader.int32()
    return length === -1 ? undefined : reader.take(length)
  })
  formatCodes(reader)
  reader.end('Bind')
  if (codes.length > 1 && codes.length !== values.length)
    throw new WireError('ERR_WIRE_MALFORMED', 'Bind: expected no format code, one, or one for each value')
  // No codes: all text. One code: for all (docs ch. 55.7, Bind).
  const formats = values.map((_, index) => (codes.length === 1 ? codes[0] : codes[index]) ?? 0)
  return { portal, statement, values, formats }
}

function formatCodes(reader: Reader): number[] {
  return Array.from({ length: reader.uint16() }, () => {
    const code = reader.uint16()
    if (code > 1) throw new WireError('ERR_WIRE_MALFORMED', 'Bind: expected format codes 0 and 1')
    return code
  })
}

/** The portal that an Execute message names. */
export function decodeExecutePortal(frame: Frame): string {
  const reader = new Reader(frame.body)
  const portal = reader.cstring()
  // The most rows to return, 0 for all.
  reader.uint32()
  reader.end('Execute')
  return portal
}

/** What a Describe or Close message is about. */
export function decodeTarget(frame: Frame): { readonly kind: 'S' | 'P'; readonly name: string } {
  const reader = new Reader(frame.body)
  const kind = String.fromCharCode(reader.uint8())
  if (kind !== 'S' && kind !== 'P')
    throw new WireError('ERR_WIRE_MALFORMED', 'Describe or Close: expected S for a statement or P for a portal')
  const name = reader.cstring()
  reader.end('Describe or Close')
  return { kind, name }
}
