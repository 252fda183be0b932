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

const code = { cancel: 80877102, ssl: 80877103, gssEnc: 80877104 } as const

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
    case code.ssl:
      return { kind: 'sslRequest' }
    case code.gssEnc:
      return { kind: 'gssEncRequest' }
    case code.cancel:
      return {
        kind: 'cancelRequest',
        processId: reader.uint32(),
        secretKey: Buffer.from(reader.take(reader.remaining)),
      }
    default:
      if (version >>> 16 !== 3) throw new WireError('ERR_WIRE_UNSUPPORTED', 'protocol version: expected 3.x')
      return { kind: 'startup', minor: version & 0xffff, parameters: parseParameters(reader) }
  }
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
  if (reader.remaining > 0) throw new WireError('ERR_WIRE_MALFORMED', 'start-up: expected nothing after the parameters')
  return parameters
}

export function encodeSslRequest(): Buffer {
  return new Writer().uint32(8).uint32(code.ssl).finish()
}

export function encodeCancelRequest(processId: number, secretKey: Uint8Array): Buffer {
  return new Writer()
    .uint32(12 + secretKey.length)
    .uint32(code.cancel)
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
