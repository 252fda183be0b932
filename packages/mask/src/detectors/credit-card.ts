import type { Detector, Span } from './detector.ts'

/** Digits in a row or in groups, from the first to the last. */
const run = /(?<![\d.])\d(?:[ -]?\d){12,}/g
/** How cards are printed: fours, or 4-6-5 and 4-6-4 of the issuers with 15 and 14 digits. */
const printed = /(?<!\d)(?:\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})(?!\d)/g

/** Primary account numbers (ISO/IEC 7812): an issuer range that is in use, and the Luhn check digit. */
export const creditCard: Detector = {
  name: 'CreditCard',
  label: 'card',
  anchors: [String.raw`\d${String.raw`[ -]?\d`.repeat(12)}`],
  find(text) {
    const spans: Span[] = []
    for (const { index, 0: match } of text.matchAll(run)) {
      if (isCard(match)) spans.push({ start: index, end: index + match.length })
      // Other numbers may stand beside it.
      else if (/[ -]/.test(match)) spans.push(...within(match, index))
    }
    return spans
  },
}

function within(match: string, offset: number): Span[] {
  const spans: Span[] = []
  printed.lastIndex = 0
  for (let found = printed.exec(match); found !== null; found = printed.exec(match)) {
    const start = offset + found.index
    if (isCard(found[0])) spans.push({ start, end: start + found[0].length })
    // The next group may be its first.
    else printed.lastIndex = found.index + 4
  }
  for (const { index, 0: group } of match.matchAll(/(?<!\d)\d{13,19}(?!\d)/g))
    if (isCard(group)) spans.push({ start: offset + index, end: offset + index + group.length })
  return spans.sort((a, b) => a.start - b.start)
}

function isCard(match: string): boolean {
  const digits = match.length > maxMatch ? '' : match.replaceAll(/\D/g, '')
  return digits.length >= 13 && digits.length <= 19 && isIssued(digits) && passesLuhn(digits)
}

/** 19 digits, each in a group of its own. */
const maxMatch = 37

function isIssued(digits: string): boolean {
  const length = digits.length
  const [two, four] = [Number(digits.slice(0, 2)), Number(digits.slice(0, 4))]
  if (digits.startsWith('4')) return length === 13 || length === 16 || length === 19
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return length === 16
  if (two === 34 || two === 37) return length === 15
  if (two === 30 || two === 36 || two === 38 || two === 39) return length >= 14
  return (
    (two === 35 || two === 60 || two === 62 || two === 64 || two === 65 || two === 50 || (two >= 56 && two <= 69)) &&
    length >= 16
  )
}

function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits.charAt(digits.length - 1 - index))
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits)
}
