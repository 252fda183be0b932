import { WireError } from '../errors.ts'

/** One message of the PostgreSQL frontend/backend protocol 3.x after start-up (docs ch. 55.7): type byte, length, body. */
export interface Frame {
  /** The type byte as a character: `Q`, `D`, `Z`, … */
  readonly type: string
  readonly body: Buffer
  /** The whole message as it came, for forwarding untouched. */
  readonly bytes: Buffer
}

/** Statements, binds and rows; PostgreSQL itself stops at 1 GiB. Beyond this a connection is closed, not buffered. */
export const maxFrameBytes = 16 * 1024 * 1024

/** Cuts a stream into messages and keeps the rest. `max` bounds a message before its body is waited for. */
export function createFrameDecoder(max: number = maxFrameBytes): {
  push(chunk: Buffer): Frame[]
  readonly rest: Buffer
} {
  let pending: Buffer[] = []
  let pendingBytes = 0
  let needed = 5
  return {
    push(chunk) {
      pending.push(chunk)
      pendingBytes += chunk.length
      if (pendingBytes < needed) return []
      let bytes = pending.length === 1 ? chunk : Buffer.concat(pending)
      const frames: Frame[] = []
      needed = 5
      while (bytes.length >= 5) {
        const length = bytes.readInt32BE(1)
        if (length < 4 || length > max) throw new WireError('ERR_WIRE_LENGTH', `message length: expected 4–${max}`)
        if (bytes.length < length + 1) {
          needed = length + 1
          break
        }
        const whole = bytes.subarray(0, length + 1)
        frames.push({ type: String.fromCharCode(whole[0] ?? 0), body: whole.subarray(5), bytes: whole })
        bytes = bytes.subarray(length + 1)
      }
      pending = bytes.length === 0 ? [] : [bytes]
      pendingBytes = bytes.length
      return frames
    },
    get rest() {
      return pending.length === 1 ? (pending[0] ?? Buffer.alloc(0)) : Buffer.concat(pending)
    },
  }
}

/** A message: type byte, length, body. */
export function frame(type: string, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const message = Buffer.allocUnsafe(5 + body.length)
  message.write(type, 0, 'latin1')
  message.writeInt32BE(body.length + 4, 1)
  message.set(body, 5)
  return message
}
