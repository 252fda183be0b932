import type { Tally } from '../tally.ts'

/** Hides values that are known, in bytes of whatever type; no chunk border hides a part of one. */
export interface LiteralMasker {
  push(chunk: Uint8Array): Buffer
  end(): Buffer
}

const star = 0x2a

/**
 * Each byte of a literal becomes `*`: the length stays, and with it `Content-Length`, ranges and every framing inside the
 * body (gRPC messages, pkt-lines). Only what may be the start of a literal is held back, so that a stream is not delayed.
 * `name` is what `tally` counts. Literals are not empty.
 */
export function createLiteralMasker(literals: readonly Uint8Array[], name: string, tally: Tally): LiteralMasker {
  /** What is held back, as it came and as it will be shown: a literal may begin inside another that is hidden already. */
  let raw: Buffer = Buffer.alloc(0)
  let shown = raw

  /** Hides what is whole in `raw`, of which the first `seen` bytes were searched before. */
  const hide = (seen: number): void => {
    for (const literal of literals) {
      for (let at = raw.indexOf(literal); at !== -1; at = raw.indexOf(literal, at + 1)) {
        const end = at + literal.length
        if (end <= seen) continue
        tally.add(name)
        if (shown === raw) shown = Buffer.from(raw)
        shown.fill(star, at, end)
      }
    }
  }

  return {
    push(chunk) {
      const seen = raw.length
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      const isChanged = shown !== raw
      raw = seen === 0 ? bytes : Buffer.concat([raw, bytes])
      shown = isChanged ? Buffer.concat([shown, bytes]) : raw
      hide(seen)
      const cut = Math.min(...literals.map((literal) => startOf(literal, raw)))
      const ready = shown.subarray(0, cut)
      // Copies: what came belongs to others, and would be kept whole for a few bytes.
      const isSame = shown === raw
      raw = Buffer.from(raw.subarray(cut))
      shown = isSame ? raw : Buffer.from(shown.subarray(cut))
      return ready
    },
    end() {
      const rest = shown
      raw = shown = Buffer.alloc(0)
      return rest
    },
  }
}

/** Where `bytes` ends with the beginning of `literal`; its length when it does not. */
function startOf(literal: Uint8Array, bytes: Buffer): number {
  const [first = 0] = literal
  const from = Math.max(0, bytes.length - literal.length + 1)
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1))
    if (bytes.subarray(at).equals(literal.subarray(0, bytes.length - at))) return at
  return bytes.length
}
