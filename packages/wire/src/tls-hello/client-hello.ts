import { WireError } from '../errors.ts'
import { Reader } from '../cursor/reader.ts'

/** What a TLS ClientHello (RFC 8446 §4.1.2) says of itself. */
export interface ClientHello {
  /** Lower case; absent when there is none, or when it is no host name (RFC 6066 §3). */
  readonly serverName?: string
  readonly serverNameInvalid: boolean
  readonly alpnProtocols: readonly string[]
  /** Highest version offered, 0x0303 for TLS 1.2. */
  readonly maxVersion: number
  /** An encrypted_client_hello extension is present: the name above may be a decoy. */
  readonly encryptedClientHello: boolean
}

export type HelloResult = { readonly kind: 'incomplete' } | { readonly kind: 'hello'; readonly hello: ClientHello }

/** Real hellos with post-quantum key shares stay below 4 KiB. */
export const maxHelloBytes = 16 * 1024

const handshakeRecord = 22
const clientHelloType = 1
const extension = { serverName: 0, alpn: 16, supportedVersions: 43, encryptedClientHello: 0xfe0d } as const

/** Parses the first bytes of a connection; the handshake message may be cut over several records. */
export function parseClientHello(bytes: Uint8Array): HelloResult {
  const message = handshakeMessage(bytes)
  return message === undefined ? { kind: 'incomplete' } : { kind: 'hello', hello: parseMessage(message) }
}

/** The body of the first handshake message, without its header; undefined while bytes are missing. */
function handshakeMessage(bytes: Uint8Array): Buffer | undefined {
  const records = new Reader(bytes)
  const fragments: Buffer[] = []
  let gathered = 0
  // Of the message with its header; known once the header is.
  let needed: number | undefined
  while (records.remaining >= 5) {
    const length = recordLength(records)
    const fragment = records.take(Math.min(length, records.remaining))
    fragments.push(fragment)
    gathered += fragment.length
    // Joined when the header is there and when all is there, so that a byte a record costs no more than one record does.
    if (gathered >= 4) needed ??= messageBytes(Buffer.concat(fragments))
    if (needed !== undefined && gathered >= needed) return Buffer.concat(fragments).subarray(4, needed)
    if (fragment.length < length) return undefined
  }
  return undefined
}

/** Reads the header of a record (RFC 8446 §5.1). */
function recordLength(records: Reader): number {
  if (records.uint8() !== handshakeRecord) throw new WireError('ERR_WIRE_MALFORMED', 'record type: expected handshake')
  if (records.uint8() !== 3) throw new WireError('ERR_WIRE_MALFORMED', 'record version: expected 3.x')
  records.uint8()
  const length = records.uint16()
  if (length === 0 || length > maxHelloBytes)
    throw new WireError('ERR_WIRE_LENGTH', `record length: expected 1–${maxHelloBytes}`)
  return length
}

/** Bytes of the handshake message that begins here, its header of four included (RFC 8446 §4). */
function messageBytes(start: Buffer): number {
  const header = new Reader(start)
  if (header.uint8() !== clientHelloType)
    throw new WireError('ERR_WIRE_MALFORMED', 'handshake type: expected client_hello')
  const length = header.uint24()
  if (length > maxHelloBytes) throw new WireError('ERR_WIRE_LENGTH', `client_hello length: at most ${maxHelloBytes}`)
  return length + 4
}

function parseMessage(message: Buffer): ClientHello {
  const body = new Reader(message)
  let maxVersion = body.uint16()
  body.take(32)
  body.take(body.uint8())
  body.take(body.uint16())
  body.take(body.uint8())
  const names: { serverName?: string; serverNameInvalid: boolean } = { serverNameInvalid: false }
  let alpnProtocols: string[] = []
  let encryptedClientHello = false
  const extensions = body.remaining === 0 ? new Reader(Buffer.alloc(0)) : body.nested(body.uint16())
  const seen = new Set<number>()
  while (extensions.remaining > 0) {
    const type = extensions.uint16()
    const content = extensions.nested(extensions.uint16())
    if (seen.has(type)) throw new WireError('ERR_WIRE_MALFORMED', 'extensions: expected each at most once')
    seen.add(type)
    if (type === extension.serverName) Object.assign(names, parseServerName(content))
    else if (type === extension.alpn) alpnProtocols = parseAlpn(content)
    // Where it is sent, legacy_version says nothing (RFC 8446 §4.1.2).
    else if (type === extension.supportedVersions) maxVersion = Math.max(0, ...parseVersions(content))
    else if (type === extension.encryptedClientHello) encryptedClientHello = true
  }
  body.end('client_hello')
  return { ...names, alpnProtocols, maxVersion, encryptedClientHello }
}

function parseServerName(content: Reader): { serverName?: string; serverNameInvalid: boolean } {
  const list = content.nested(content.uint16())
  const type = list.uint8()
  const name = list.take(list.uint16()).toString('latin1').toLowerCase()
  const valid = type === 0 && list.remaining === 0 && content.remaining === 0 && isHostName(name)
  return valid ? { serverName: name, serverNameInvalid: false } : { serverNameInvalid: true }
}

function parseAlpn(content: Reader): string[] {
  const list = content.nested(content.uint16())
  const protocols: string[] = []
  while (list.remaining > 0) protocols.push(list.take(list.uint8()).toString('latin1'))
  content.end('application_layer_protocol_negotiation')
  return protocols
}

function parseVersions(content: Reader): number[] {
  const list = content.nested(content.uint8())
  const versions: number[] = []
  while (list.remaining > 0) versions.push(list.uint16())
  content.end('supported_versions')
  // 0x?A?A are GREASE values (RFC 8701).
  return versions.filter((version) => (version & 0x0f0f) !== 0x0a0a)
}

/**
 * Lower-case letters, digits, hyphens and underscores in labels; no trailing dot and no IP literal (RFC 6066 §3). A last
 * label that is a number makes an address of the name: resolvers read `127.1` and `0x7f000001` as inet_aton does.
 */
export function isHostName(name: string): boolean {
  if (name.length === 0 || name.length > 253 || /(^|\.)([0-9]+|0x[0-9a-f]*)$/.test(name)) return false
  return name.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
}
