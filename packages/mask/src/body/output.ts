/** What a masker gives: pieces of what came in, and replacements between them. */
export interface Output {
  /** Bytes as they came. */
  pass(bytes: Buffer): void
  put(text: string): void
  /** Everything since the last time, in one piece. */
  take(): Buffer
}

export function createOutput(): Output {
  let pieces: Buffer[] = []
  return {
    pass(bytes) {
      if (bytes.length > 0) pieces.push(bytes)
    },
    put: (text) => void pieces.push(Buffer.from(text)),
    take() {
      const [first] = pieces
      const all = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces)
      pieces = []
      return all
    },
  }
}

/** Masks bytes, whole UTF-8 characters, as they come. What is no content of its kind throws MaskError. */
export interface ByteMasker {
  push(bytes: Buffer, out: Output): void
  end(out: Output): void
}
