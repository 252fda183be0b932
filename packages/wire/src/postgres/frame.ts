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

const headerBytes = 5

/** Cuts a stream into messages and keeps the rest. `max` bounds a message before its body is waited for. */
export function createFrameDecoder(max: number = maxFrameBytes): {
  push(chunk: Buffer): Frame[]
  readonly rest: Buffer
} {
  let kept: Buffer = Buffer.alloc(0)
  /** Ours to write to behind `kept`; frames that were given away are views and never of it. */
  let store: Buffer = Buffer.alloc(0)
  let needed = headerBytes

  // Memory grows with what has come, neither with what a length promises nor with the number of chunks.
  const append = (chunk: Buffer): Buffer => {
    if (kept.length === 0) return chunk
    const length = kept.length + chunk.length
    if (length > store.length) {
      store = Buffer.allocUnsafe(Math.max(length, Math.min(2 * length, needed)))
      store.set(kept)
    }
    store.set(chunk, kept.length)
    return store.subarray(0, length)
  }

  return {
    push(chunk) {
      const bytes = append(chunk)
      kept = bytes
      if (bytes.length < needed) return []
      const frames: Frame[] = []
      let start = 0
      needed = headerBytes
      while (bytes.length - start >= headerBytes) {
        const length = bytes.readInt32BE(start + 1)
        if (length < 4 || length > max) throw new WireError('ERR_WIRE_LENGTH', `message length: expected 4–${max}`)
        const end = start + length + 1
        if (bytes.length < end) {
          needed = length + 1
          break
        }
        frames.push({
          type: String.fromCharCode(bytes[start] ?? 0),
          body: bytes.subarray(start + headerBytes, end),
          bytes: bytes.subarray(start, end),
        })
        start = end
      }
      kept = bytes.subarray(start)
      if (start > 0) store = Buffer.alloc(0)
      return frames
    },
    get rest() {
      return kept
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
