import { KubeApiError } from '../errors.ts'

/** Cuts a byte stream into lines. Sans-I/O. */
export interface LineSplitter {
  /** The lines that `chunk` completes, without their line feed; empty lines are left out. */
  push(chunk: Buffer): string[]
}

const lineFeed = 0x0a

/** `maxLineBytes` bounds what is held of a line that has not ended. */
export function createLineSplitter(maxLineBytes: number): LineSplitter {
  let held: Buffer[] = []
  let heldBytes = 0
  const hold = (part: Buffer): void => {
    heldBytes += part.length
    if (heldBytes > maxLineBytes)
      throw new KubeApiError('ERR_KUBE_PROTOCOL', `watch event: expected at most ${maxLineBytes} bytes`)
    if (part.length > 0) held.push(part)
  }
  return {
    push(chunk) {
      const lines: string[] = []
      let from = 0
      for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, from)) {
        hold(chunk.subarray(from, at))
        if (heldBytes > 0) lines.push(Buffer.concat(held).toString('utf8'))
        held = []
        heldBytes = 0
        from = at + 1
      }
      hold(chunk.subarray(from))
      return lines
    },
  }
}
