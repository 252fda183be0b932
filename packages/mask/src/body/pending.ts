/** Bytes that came and are not done with, in one piece. What was handed out of it is never written again. */
export interface Pending {
  /** What was kept, and the chunk behind it. */
  append(chunk: Buffer): Buffer
  /** Of what `append` gave, the bytes from here on are wanted again. */
  keepFrom(at: number): void
  /** What was kept, alone. */
  take(): Buffer
}

const nothing: Buffer = Buffer.alloc(0)

export function createPending(): Pending {
  let current = nothing
  /** What `current` is a view of, where it is ours; free from `used` on. */
  let owned = nothing
  let used = 0
  let at = 0
  return {
    append(chunk) {
      const length = current.length - at
      if (length === 0) {
        current = chunk
        owned = nothing
        used = 0
      } else if (owned.length > 0 && owned.length - used >= chunk.length) {
        chunk.copy(owned, used)
        current = owned.subarray(used - length, used + chunk.length)
        used += chunk.length
      } else {
        // Twice the size, so that a long value in many chunks is not copied for each of them.
        owned = Buffer.allocUnsafeSlow(2 * (length + chunk.length))
        current.copy(owned, 0, at)
        chunk.copy(owned, length)
        used = length + chunk.length
        current = owned.subarray(0, used)
      }
      at = 0
      return current
    },
    keepFrom(from) {
      at = from
    },
    take() {
      current = current.subarray(at)
      at = 0
      return current
    },
  }
}
