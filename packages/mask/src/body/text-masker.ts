import type { Mask, Tally } from '../mask.ts'

/** Masks a text that comes in pieces. `push` gives what is final, `end` the rest. */
export interface TextMasker {
  push(text: string): string
  end(): string
}

/** Nothing that is told apart by separators (cards, IBANs, phone numbers) is longer than this. */
const holdBack = 256
/** Keys and tokens are runs without separators; a run is followed this far back, and PEM blocks too. */
const maxHoldBack = 16 * 1024

export function createTextMasker(mask: Mask, tally: Tally): TextMasker {
  let pending = ''
  return {
    push(text) {
      pending += text
      const cut = safeCut(pending)
      if (cut <= 0) return ''
      const ready = pending.slice(0, cut)
      pending = pending.slice(cut)
      return mask.text(ready, tally)
    },
    end() {
      const rest = pending
      pending = ''
      return mask.text(rest, tally)
    },
  }
}

/** Where the text can be cut so that no match lies across: before the separator that precedes what is held back. */
function safeCut(text: string): number {
  const nearest = Math.max(0, text.length - maxHoldBack)
  for (let at = text.length - holdBack; at > nearest; at--) {
    if (isBoundary(text, at)) return beforePemBlock(text, at, nearest)
  }
  return nearest
}

/** A PEM block has line breaks inside: a cut in the middle of one, or of one that is still open, moves to its start. */
function beforePemBlock(text: string, cut: number, nearest: number): number {
  const begin = text.lastIndexOf('-----BEGIN ', cut)
  if (begin < nearest) return cut
  const end = /-----END [A-Z0-9 ]+-----/.exec(text.slice(begin))
  return end === null || begin + end.index + end[0].length > cut ? begin : cut
}

/** A line break, or a quote or bracket: nothing that a detector knows has one inside, PEM blocks aside. */
function isBoundary(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1)
  return before === 0x0a || before === 0x22 || before === 0x7b || before === 0x7d || before === 0x3c || before === 0x3e
}
