import { isUtf8 } from 'node:buffer'
import { MaskError } from '../errors.ts'

/** Lets whole UTF-8 characters through; what is cut by a chunk waits for its rest. */
export interface Utf8Gate {
  push(chunk: Uint8Array): Buffer
  end(): void
}

export function createUtf8Gate(): Utf8Gate {
  let cut: Buffer = Buffer.alloc(0)
  return {
    push(chunk) {
      const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      const bytes = cut.length === 0 ? view : Buffer.concat([cut, view])
      const whole = bytes.length - openBytes(bytes)
      cut = bytes.subarray(whole)
      const ready = bytes.subarray(0, whole)
      // UTF-16 of plain letters would be UTF-8 with a NUL behind each, and no detector would know it.
      if (!isUtf8(ready) || ready.includes(0)) throw new MaskError('ERR_MASK_CONTENT', 'body: expected UTF-8 text')
      return ready
    },
    end() {
      if (cut.length > 0) throw new MaskError('ERR_MASK_CONTENT', 'body: expected UTF-8 text')
    },
  }
}

/** How many bytes at the end begin a character that is not complete. */
function openBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}
