import { caseless } from '../scan/anchor-pattern.ts'
import type { Detector } from './detector.ts'

/** E.164 with its plus sign, or the North American form with separators: bare digit runs are too often something else. */
const pattern =
  /(?<![\w+.])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}|(?:\([2-9]\d{2}\)|[2-9]\d{2})[ .-][2-9]\d{2}[ .-]\d{4})(?!\w)/g
/** Names of members whose value needs no plus sign to be one. */
const name = /(?:phone|mobile|fax)(?:[_-]?(?:no|number|nr))?$/i

/** E.164 allows 15 digits. */
const maxDigits = 15
const minDigits = 8

export const phoneNumber: Detector = {
  name: 'PhoneNumber',
  label: 'phone',
  anchors: [String.raw`\+\d`, String.raw`[ .-]\d{3}[ .-]\d{4}`, caseless('phone'), caseless('mobile'), caseless('fax')],
  find: (text) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const number = withoutExcess(match[0])
      return digitsOf(number) >= minDigits ? [{ start: match.index, end: match.index + number.length }] : []
    }),
  named(member, value) {
    if (!name.test(member) || !/^[\d+(][\d ()./-]{6,24}$/.test(value)) return false
    const digits = digitsOf(value)
    return digits >= minDigits - 1 && digits <= maxDigits
  },
}

/** A number that runs into the next one is cut after its last whole group. */
function withoutExcess(match: string): string {
  let number = match
  while (digitsOf(number) > maxDigits) number = number.replace(/[ .-]?\(?\d+\)?$/, '')
  return number
}

const digitsOf = (text: string): number => text.replaceAll(/\D/g, '').length
