import type { Detector, Span } from './detector.ts'

/** Lengths by country (ISO 13616 registry). */
const lengths: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MR: 27,
  MT: 31,
  MU: 30,
  NL: 18,
  NO: 15,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  SA: 24,
  SC: 31,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
}

/** Country and check digits. */
const opening = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}/g

/** International bank account numbers: country, length, and ISO 7064 mod 97-10. */
export const iban: Detector = {
  name: 'Iban',
  label: 'iban',
  anchors: [String.raw`[A-Z]{2}\d{2} ?[A-Z0-9]{2}`],
  find(text) {
    const spans: Span[] = []
    for (const { index, 0: head } of text.matchAll(opening)) {
      const end = endOf(text, index, lengths[head.slice(0, 2)] ?? 0)
      if (end !== undefined && mod97(text.slice(index, end).replaceAll(' ', '')) === 1)
        spans.push({ start: index, end })
    }
    return spans
  },
}

/** Behind `length` letters and digits, in groups or not; what follows may be upper case too, a BIC for one. */
function endOf(text: string, start: number, length: number): number | undefined {
  if (length === 0) return undefined
  let at = start
  for (let count = 0; count < length; at++) {
    if (/[A-Z0-9]/.test(text.charAt(at))) count++
    else if (text.charAt(at) !== ' ' || text.charAt(at - 1) === ' ') return undefined
  }
  return /[A-Za-z0-9]/.test(text.charAt(at)) ? undefined : at
}

function mod97(compact: string): number {
  let remainder = 0
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder
}
