import { Reader } from '../cursor/reader.ts'
import { Writer } from '../cursor/writer.ts'
import { WireError } from '../errors.ts'
import { frame, type Frame } from './frame.ts'
import { maxCancelKeyBytes } from './startup.ts'

/** One column of a result (RowDescription, docs ch. 55.7). */
export interface Column {
  readonly name: string
  /** 0 when the column is not simply a column of a table. */
  readonly tableOid: number
  readonly attributeNumber: number
  readonly typeOid: number
  /** 0 text, 1 binary. */
  readonly format: number
}

export function decodeRowDescription({ body }: Frame): Column[] {
  const reader = new Reader(body)
  const columns = Array.from({ length: reader.uint16() }, () => {
    const name = reader.displayCstring()
    const [tableOid, attributeNumber, typeOid] = [reader.uint32(), reader.int16(), reader.uint32()]
    reader.take(6)
    return { name, tableOid, attributeNumber, typeOid, format: reader.uint16() }
  })
  reader.end('RowDescription')
  return columns
}

/** The values of a DataRow as views; `undefined` stands for NULL. */
export function decodeDataRow({ body }: Frame): (Buffer | undefined)[] {
  const reader = new Reader(body)
  const values = Array.from({ length: reader.uint16() }, () => {
    const length = reader.int32()
    return length === -1 ? undefined : reader.take(length)
  })
  reader.end('DataRow')
  return values
}

/** Sized first and written once: this runs for every row that masking has changed. */
export function encodeDataRow(values: readonly (Uint8Array | undefined)[]): Buffer {
  const length = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 2)
  const message = Buffer.allocUnsafe(5 + length)
  message.write('D', 0, 'latin1')
  message.writeInt32BE(length + 4, 1)
  let offset = message.writeUInt16BE(values.length, 5)
  for (const value of values) {
    offset = message.writeInt32BE(value === undefined ? -1 : value.length, offset)
    if (value === undefined) continue
    message.set(value, offset)
    offset += value.length
  }
  return message
}

export const authentication = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const

export function decodeAuthentication({ body }: Frame): { readonly kind: number; readonly data: Buffer } {
  const reader = new Reader(body)
  return { kind: reader.uint32(), data: reader.take(reader.remaining) }
}

/** The SASL mechanisms that a server offers. */
export function decodeMechanisms(data: Buffer): string[] {
  const reader = new Reader(data)
  const names: string[] = []
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) names.push(name)
  return names
}

/** Transaction state of ReadyForQuery: idle, in a transaction, or in a failed one. */
export type TransactionState = 'I' | 'T' | 'E'

export function decodeReadyForQuery({ body }: Frame): TransactionState {
  const state = String.fromCharCode(body[0] ?? 0)
  if (state !== 'I' && state !== 'T' && state !== 'E')
    throw new WireError('ERR_WIRE_MALFORMED', 'transaction state: expected I, T or E')
  return state
}

export function decodeBackendKey({ body }: Frame): { readonly processId: number; readonly secretKey: Buffer } {
  const reader = new Reader(body)
  if (reader.remaining < 8 || reader.remaining > 4 + maxCancelKeyBytes)
    throw new WireError('ERR_WIRE_LENGTH', `cancel key: expected 4–${maxCancelKeyBytes} bytes`)
  return { processId: reader.uint32(), secretKey: Buffer.from(reader.take(reader.remaining)) }
}

/** Whether CopyInResponse or CopyOutResponse announces text or binary data. */
export function decodeCopyFormat({ body }: Frame): 'text' | 'binary' {
  const reader = new Reader(body)
  const format = reader.uint8()
  reader.take(2 * reader.uint16())
  reader.end('CopyResponse')
  return format === 0 ? 'text' : 'binary'
}

export function decodeParameterStatus({ body }: Frame): { readonly name: string; readonly value: string } {
  const reader = new Reader(body)
  const [name, value] = [reader.displayCstring(), reader.displayCstring()]
  reader.end('ParameterStatus')
  return { name, value }
}

/** Fields of an ErrorResponse or NoticeResponse by their code (docs ch. 55.8). */
export function decodeFields({ body }: Frame): Map<string, string> {
  const reader = new Reader(body)
  const fields = new Map<string, string>()
  for (let code = reader.uint8(); code !== 0; code = reader.uint8())
    fields.set(String.fromCharCode(code), reader.displayCstring())
  return fields
}

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE'
  /** SQLSTATE (docs appendix A). */
  readonly code: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export function encodeError(fields: ErrorFields): Buffer {
  const writer = new Writer()
  const field = (code: string, value: string | undefined) => {
    if (value !== undefined) writer.bytes(Buffer.from(code, 'latin1')).cstring(value)
  }
  field('S', fields.severity)
  field('V', fields.severity)
  field('C', fields.code)
  field('M', fields.message)
  field('D', fields.detail)
  field('H', fields.hint)
  return frame(fields.severity === 'NOTICE' ? 'N' : 'E', writer.uint8(0).finish())
}

/** An ErrorResponse or NoticeResponse with these fields by code, as `decodeFields` gave them. */
export function encodeFields(type: 'E' | 'N', fields: ReadonlyMap<string, string>): Buffer {
  const writer = new Writer()
  for (const [code, value] of fields) writer.bytes(Buffer.from(code, 'latin1')).cstring(value)
  return frame(type, writer.uint8(0).finish())
}

export const encodeReadyForQuery = (state: TransactionState): Buffer => frame('Z', Buffer.from(state))
export const encodeAuthenticationOk = (): Buffer => frame('R', new Writer().uint32(authentication.ok).finish())
export const encodeParameterStatus = (name: string, value: string): Buffer =>
  frame('S', new Writer().cstring(name).cstring(value).finish())
/** Asks for the password itself. */
export const encodeCleartextRequest = (): Buffer => frame('R', new Writer().uint32(authentication.cleartext).finish())
export const encodeBackendKey = (processId: number, secretKey: Uint8Array): Buffer =>
  frame('K', new Writer().uint32(processId).bytes(secretKey).finish())
/** Says that the server speaks 3.`minor` at most, and which `_pq_.` options of the client it does not know. */
export function encodeNegotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  const writer = new Writer().uint32((3 << 16) | minor).uint32(unknownOptions.length)
  for (const option of unknownOptions) writer.cstring(option)
  return frame('v', writer.finish())
}
