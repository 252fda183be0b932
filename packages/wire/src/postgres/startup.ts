import { Reader } from '../cursor/reader.ts'
import { Writer } from '../cursor/writer.ts'
import { WireError } from '../errors.ts'

/** What a client may send before the protocol proper (docs ch. 55.7): no type byte, a code instead. */
export type StartupMessage =
  | { readonly kind: 'sslRequest' }
  | { readonly kind: 'gssEncRequest' }
  | { readonly kind: 'cancelRequest'; readonly processId: number; readonly secretKey: Buffer }
  | { readonly kind: 'startup'; readonly minor: number; readonly parameters: ReadonlyMap<string, string> }

/** As PostgreSQL's MAX_STARTUP_PACKET_LENGTH. */
export const maxStartupBytes = 10_000

/** Protocol 3.2 made the key of a cancel request longer than its four bytes of old (docs ch. 55.7, BackendKeyData). */
export const maxCancelKeyBytes = 256

/** What stands in place of a protocol version when no session is asked for. */
export const requestCode = { cancel: 80877102, ssl: 80877103, gssEnc: 80877104 } as const

/** Decodes one start-up message; undefined while bytes are missing. `rest` is what follows it. */
export function decodeStartup(bytes: Buffer): { readonly message: StartupMessage; readonly rest: Buffer } | undefined {
  if (bytes.length < 4) return undefined
  const length = bytes.readUInt32BE(0)
  if (length < 8 || length > maxStartupBytes)
    throw new WireError('ERR_WIRE_LENGTH', `start-up length: expected 8–${maxStartupBytes}`)
  if (bytes.length < length) return undefined
  return { message: parse(new Reader(bytes.subarray(4, length))), rest: bytes.subarray(length) }
}

function parse(reader: Reader): StartupMessage {
  const version = reader.uint32()
  switch (version) {
    case requestCode.ssl:
      reader.end('SSLRequest')
      return { kind: 'sslRequest' }
    case requestCode.gssEnc:
      reader.end('GSSENCRequest')
      return { kind: 'gssEncRequest' }
    case requestCode.cancel:
      return parseCancel(reader)
    default:
      if (version >>> 16 !== 3) throw new WireError('ERR_WIRE_UNSUPPORTED', 'protocol version: expected 3.x')
      return { kind: 'startup', minor: version & 0xffff, parameters: parseParameters(reader) }
  }
}

function parseCancel(reader: Reader): StartupMessage {
  const processId = reader.uint32()
  if (reader.remaining < 4 || reader.remaining > maxCancelKeyBytes)
    throw new WireError('ERR_WIRE_LENGTH', `cancel key: expected 4–${maxCancelKeyBytes} bytes`)
  return { kind: 'cancelRequest', processId, secretKey: Buffer.from(reader.take(reader.remaining)) }
}

function parseParameters(reader: Reader): Map<string, string> {
  const parameters = new Map<string, string>()
  for (;;) {
    const name = reader.cstring()
    if (name === '') break
    if (parameters.has(name))
      throw new WireError('ERR_WIRE_MALFORMED', 'start-up parameters: expected each at most once')
    parameters.set(name, reader.cstring())
  }
  reader.end('start-up')
  return parameters
}

export function encodeSslRequest(): Buffer {
  return new Writer().uint32(8).uint32(requestCode.ssl).finish()
}

export function encodeCancelRequest(processId: number, secretKey: Uint8Array): Buffer {
  return new Writer()
    .uint32(12 + secretKey.length)
    .uint32(requestCode.cancel)
    .uint32(processId)
    .bytes(secretKey)
    .finish()
}

/** StartupMessage of protocol 3.0. */
export function encodeStartup(parameters: ReadonlyMap<string, string>): Buffer {
  const body = new Writer().uint32(3 << 16)
  for (const [name, value] of parameters) body.cstring(name).cstring(value)
  const bytes = body.uint8(0).finish()
  return new Writer()
    .uint32(bytes.length + 4)
    .bytes(bytes)
    .finish()
}
