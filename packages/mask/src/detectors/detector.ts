import type { DetectorName } from '@chaperone/api'

/** A place in a text, end exclusive, in UTF-16 code units. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Detector {
  readonly name: DetectorName
  /** Stands in tokens: `tok_email_…`. */
  readonly label: string
  /**
   * What is in every text in which `find` finds something, in the language of scan/anchor-pattern.ts. All anchors of all
   * detectors are looked for in one pass, so that most texts are done with after it.
   */
  readonly anchors: readonly string[]
  /** Every place within one line, in order; linear in the text. */
  find(text: string): Span[]
  /** Whether the whole value of a JSON member or form field is one because of its name; an anchor is in such a name. */
  named?(name: string, value: string): boolean
}

/** Every place of `literal` that is followed by at least `min` characters of `body`, and not preceded by one of them. */
export function findPrefixed(text: string, literal: string, body: RegExp, min: number): Span[] {
  const spans: Span[] = []
  for (let at = text.indexOf(literal); at !== -1;) {
    const from = at + literal.length
    let end = from
    while (end < text.length && end - from < maxTokenCharacters && body.test(text.charAt(end))) end++
    const free = at === 0 || !/[A-Za-z0-9]/.test(text.charAt(at - 1))
    if (free && end - from >= min) spans.push({ start: at, end })
    at = text.indexOf(literal, Math.max(end, from))
  }
  return spans
}

/** Longest secret that is followed to its end; what is longer is masked in pieces. */
export const maxTokenCharacters = 4096

/** Every match of `pattern` (global) that `valid` confirms. */
export function findPattern(text: string, pattern: RegExp, valid: (match: string) => boolean): Span[] {
  const spans: Span[] = []
  for (const match of text.matchAll(pattern))
    if (valid(match[0])) spans.push({ start: match.index, end: match.index + match[0].length })
  return spans
}
