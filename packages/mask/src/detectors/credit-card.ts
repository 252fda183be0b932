import { findPattern, type Detector } from './detector.ts'

/** 13–19 digits in a row or in groups. */
const pattern = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])/g

/** Primary account numbers (ISO/IEC 7812): an issuer range that is in use, and the Luhn check digit. */
export const creditCard: Detector = {
  name: 'CreditCard',
  label: 'card',
  anchor: String.raw`\d(?:[ -]?\d){12}`,
  find: (text) =>
    findPattern(text, pattern, (match) => {
      const digits = match.replaceAll(/\D/g, '')
      return isIssued(digits) && passesLuhn(digits)
    }),
}

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

export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits.charAt(digits.length - 1 - index))
    const doubled = index % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits)
}
