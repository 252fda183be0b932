import { automaton } from '../detectors/anchors.ts'
import { allDetectors } from '../detectors/index.ts'
import { classBits } from '../scan/automaton.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import type { ByteMasker, Output } from './output.ts'
import { createPending } from './pending.ts'

const { classes, next, firstSpecial, anchors } = automaton

/** A line that is longer is judged in parts: their borders depend on what it says, never on how it came. */
const maxLineBytes = 64 * 1024
/** How far before its limit a long line looks for a place to part. */
const maxSearch = 16 * 1024
const lineFeed = 0x0a
const pemBegin = 1 << allDetectors.findIndex(({ name }) => name === 'PrivateKey')

/**
 * Masks text line by line: no detector sees beyond a line, so that chunks make no difference. PEM blocks are the exception,
 * from BEGIN to END they count as one line. Lines without anchors are never looked at as text.
 */
export function createTextMasker(mask: Mask, tally: Tally): ByteMasker {
  const { inText } = mask.anchors
  const pending = createPending()
  // Of the line that is not complete yet: how much of it was scanned, with what result.
  let scanned = 0
  let state = 0
  let found = 0
  /** Where the last line within a PEM block begins. */
  let inner = 0

  const maskLine = (line: Buffer, out: Output): void => {
    const text = line.toString()
    const masked = mask.text(text, tally)
    if (masked === text) out.pass(line)
    else out.put(masked)
  }

  const scan = (bytes: Buffer, out: Output): void => {
    let [at, start, clean] = [scanned, 0, 0]
    const endUnit = (end: number): void => {
      if ((found & inText) !== 0) {
        out.pass(bytes.subarray(clean, start))
        maskLine(bytes.subarray(start, end), out)
        clean = end
      }
      start = end
      inner = end
      found = 0
    }
    let limit = Math.min(bytes.length, maxLineBytes)
    for (;;) {
      while (at < limit) {
        const byte = bytes[at++] ?? 0
        state = next[(state << classBits) | (classes[byte] ?? 0)] ?? 0
        if (state < firstSpecial) continue
        found |= anchors[state] ?? 0
        if (byte !== lineFeed) continue
        const open = (found & inText & pemBegin) !== 0 && !bytes.subarray(inner, at).includes('-----END ')
        inner = at
        if (open) continue
        endUnit(at)
        limit = Math.min(bytes.length, start + maxLineBytes)
      }
      if (limit - start < maxLineBytes) break
      endUnit(partOf(bytes, start, limit))
      at = start
      state = 0
      limit = Math.min(bytes.length, start + maxLineBytes)
    }
    out.pass(bytes.subarray(clean, start))
    pending.keepFrom(start)
    scanned = at - start
    inner -= start
  }

  return {
    push: (bytes, out) => scan(pending.append(bytes), out),
    end(out) {
      const rest = pending.take()
      if ((found & inText) === 0) out.pass(rest)
      else maskLine(rest, out)
    },
  }
}

/** Where a long line parts: behind a bracket, which no value has inside, else behind a space, else between characters. */
function partOf(bytes: Buffer, start: number, limit: number): number {
  const nearest = Math.max(start + 1, limit - maxSearch)
  for (let at = limit; at > nearest; at--) if (isBracket(bytes[at - 1])) return at
  for (let at = limit; at > nearest; at--) if (bytes[at - 1] === 0x20) return at
  let at = limit
  while (at > nearest && ((bytes[at - 1] ?? 0) & 0xc0) === 0x80) at--
  return at > nearest && (bytes[at - 1] ?? 0) >= 0xc0 ? at - 1 : at
}

/** `{`, `}`, `<`, `>` */
function isBracket(byte: number | undefined): boolean {
  return byte === 0x7b || byte === 0x7d || byte === 0x3c || byte === 0x3e
}
