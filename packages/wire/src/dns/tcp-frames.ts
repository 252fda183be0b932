import { WireError } from '../errors.ts'
import { maxQueryBytes } from './decode-query.ts'

/** Cuts a TCP stream into DNS messages by their two-byte length (RFC 1035 §4.2.2); keeps the rest. */
export function createTcpFrames(): { push(chunk: Buffer): Buffer[] } {
  let rest = Buffer.alloc(0)
  return {
    push(chunk) {
      rest = Buffer.concat([rest, chunk])
      const messages: Buffer[] = []
      while (rest.length >= 2) {
        const length = rest.readUInt16BE(0)
        if (length > maxQueryBytes) throw new WireError('ERR_WIRE_LENGTH', `query: at most ${maxQueryBytes} bytes`)
        if (rest.length < length + 2) break
        messages.push(rest.subarray(2, length + 2))
        rest = rest.subarray(length + 2)
      }
      return messages
    },
  }
}

export function frameForTcp(message: Buffer): Buffer {
  const length = Buffer.allocUnsafe(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
