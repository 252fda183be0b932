import { createHash } from 'node:crypto'
import { WireError } from '../errors.ts'

/** What a client asks for in its opening handshake (RFC 6455 §4.2.1). */
export interface Offer {
  readonly key: string
  readonly protocols: readonly string[]
}

type Headers = readonly (readonly [string, string])[]

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
export const version = '13'

/** `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + guid)
    .digest('base64')
}

/** Throws WireError for a handshake that is not one of version 13. */
export function decodeOffer(headers: Headers): Offer {
  const [key, ...more] = valuesOf(headers, 'sec-websocket-key')
  if (key === undefined || more.length > 0 || !/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key))
    throw malformed('sec-websocket-key: expected one, of 16 bytes in base64')
  if (valuesOf(headers, 'sec-websocket-version').join() !== version)
    throw malformed(`sec-websocket-version: expected ${version}`)
  return { key, protocols: decodeProtocols(headers) }
}

/** Subprotocols in the order of the client's preference (RFC 6455 §11.3.4). */
export function decodeProtocols(headers: Headers): string[] {
  const protocols = valuesOf(headers, 'sec-websocket-protocol').flatMap((value) =>
    value.split(',').map((protocol) => protocol.trim()),
  )
  if (!protocols.every((protocol) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(protocol)))
    throw malformed('sec-websocket-protocol: expected a list of tokens')
  if (new Set(protocols).size < protocols.length) throw malformed('sec-websocket-protocol: expected each once')
  return protocols
}

/** The subprotocol that a `101` chose, if any; throws WireError for one that does not answer `offer` (RFC 6455 §4.1). */
export function checkAnswer({ key, protocols }: Offer, headers: Headers): string | undefined {
  const tokens = (name: string): string[] =>
    valuesOf(headers, name).flatMap((value) => value.split(',').map((token) => token.trim().toLowerCase()))
  if (tokens('upgrade').join() !== 'websocket') throw malformed('upgrade: expected websocket')
  if (!tokens('connection').includes('upgrade')) throw malformed('connection: expected upgrade')
  if (valuesOf(headers, 'sec-websocket-accept').join() !== acceptOf(key))
    throw malformed('sec-websocket-accept: expected the answer to our key')
  if (valuesOf(headers, 'sec-websocket-extensions').length > 0)
    throw malformed('sec-websocket-extensions: expected none, as none was offered')
  const [protocol, ...more] = valuesOf(headers, 'sec-websocket-protocol')
  if (protocol === undefined) return undefined
  if (more.length > 0 || !protocols.includes(protocol))
    throw malformed('sec-websocket-protocol: expected one that was offered')
  return protocol
}

function valuesOf(headers: Headers, name: string): string[] {
  return headers.flatMap(([header, value]) => (header.toLowerCase() === name ? [value.trim()] : []))
}

const malformed = (message: string): WireError => new WireError('ERR_WIRE_MALFORMED', message)
