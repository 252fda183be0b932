import { isUtf8 } from 'node:buffer'
import { WebSocketError } from './errors.ts'
import type { CloseFrame } from './frame.ts'
import { completeUtf8 } from './utf8.ts'

/** Payload of a control frame (RFC 6455 §5.5). */
export const maxControlBytes = 125

/** Codes that may be sent: the registered ones but those that never travel (RFC 6455 §7.4.1), and those for libraries and programs. */
function isCloseCode(code: number): boolean {
  const isRegistered = code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
  return isRegistered || (code >= 3000 && code <= 4999)
}

/** The body of a close frame (RFC 6455 §5.5.1): nothing, or a code and a reason in UTF-8. */
export function decodeCloseBody(body: Buffer): CloseFrame {
  if (body.length === 0) return { kind: 'close', reason: '' }
  if (body.length === 1) throw new WebSocketError('ERR_WIRE_MALFORMED', 1002, 'close: expected a code of two bytes')
  const code = body.readUInt16BE(0)
  if (!isCloseCode(code))
    throw new WebSocketError('ERR_WIRE_MALFORMED', 1002, 'close: expected a code that may be sent')
  const reason = body.subarray(2)
  if (!isUtf8(reason)) throw new WebSocketError('ERR_WIRE_MALFORMED', 1007, 'close: expected a reason in UTF-8')
  return { kind: 'close', code, reason: reason.toString('utf8') }
}

/** A reason that is too long for a control frame is cut between two characters. */
export function encodeCloseBody({ code, reason }: CloseFrame): Buffer {
  if (code === undefined) return Buffer.alloc(0)
  const text = Buffer.from(reason, 'utf8').subarray(0, maxControlBytes - 2)
  return Buffer.concat([Buffer.of(code >> 8, code & 0xff), text.subarray(0, completeUtf8(text))])
}
