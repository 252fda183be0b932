import { maxCancelKeyBytes, maxStartupBytes, requestCode } from '../postgres/startup.ts'

/** What the first bytes of a client are. */
export type Detected = 'incomplete' | 'tls' | 'http1' | 'http2' | 'postgres' | 'ssh' | 'unknown'

/** The longest prefix that any decision needs: the HTTP/2 preface, or a method and the space behind it. */
export const maxDetectBytes = 24

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const sshBanner = Buffer.from('SSH-')
/** The longest registered ones, VERSION-CONTROL and UPDATEREDIRECTREF, have 15 and 17 letters. */
const longestMethod = maxDetectBytes - 1

/** Decides as early as the bytes allow: never waits for more than `maxDetectBytes`. */
export function detectProtocol(bytes: Buffer): Detected {
  const first = bytes[0]
  if (first === undefined) return 'incomplete'
  if (first === 0x16) return bytes.length < 2 ? 'incomplete' : bytes[1] === 3 ? 'tls' : 'unknown'
  if (first === 0) return detectPostgres(bytes)
  if (startsLike(bytes, http2Preface)) return bytes.length < http2Preface.length ? 'incomplete' : 'http2'
  if (startsLike(bytes, sshBanner)) return bytes.length < sshBanner.length ? 'incomplete' : 'ssh'
  return detectMethod(bytes)
}

function detectPostgres(bytes: Buffer): Detected {
  if (bytes.length < 8) return 'incomplete'
  const length = bytes.readUInt32BE(0)
  const code = bytes.readUInt32BE(4)
  if (code === requestCode.cancel) return length >= 16 && length <= 12 + maxCancelKeyBytes ? 'postgres' : 'unknown'
  if (code === requestCode.ssl || code === requestCode.gssEnc) return length === 8 ? 'postgres' : 'unknown'
  return code >>> 16 === 3 && length > 8 && length <= maxStartupBytes ? 'postgres' : 'unknown'
}

function detectMethod(bytes: Buffer): Detected {
  const end = Math.min(bytes.length, maxDetectBytes)
  for (let index = 0; index < end; index++) {
    const byte = bytes[index] ?? 0
    if (byte === 0x20) return index > 0 ? 'http1' : 'unknown'
    const isMethodByte = (byte >= 0x41 && byte <= 0x5a) || byte === 0x2d
    if (!isMethodByte) return 'unknown'
  }
  return bytes.length > longestMethod ? 'unknown' : 'incomplete'
}

function startsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.subarray(0, length).equals(prefix.subarray(0, length))
}
