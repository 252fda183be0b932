import type { Detector, Span } from './detector.ts'

/** By code unit: what a local part and what a domain consists of; both take all that is not ASCII. */
const inLocal = tableOf(/[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]/)
const inDomain = tableOf(/[A-Za-z0-9.-]/)
/** RFC 5321 §4.5.3.1. */
const maxLocal = 64
const maxDomain = 255

/** `to=` before an address is no part of it, though it could be; what a list's bounce address encodes has a `+`. */
const assignment = /^(?:.*[&?])?[\w-]+=/

/** An addr-spec (RFC 5322 §3.4.1) without quotes: found from its `@` outwards. */
export const emailAddress: Detector = {
  name: 'EmailAddress',
  label: 'email',
  anchors: ['@'],
  find(text) {
    const spans: Span[] = []
    let free = 0
    for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
      let start = at
      while (start > free && at - start < maxLocal && isIn(inLocal, text.charCodeAt(start - 1))) start--
      while (start < at && /['.`{|}/=]/.test(text.charAt(start))) start++
      start += assignment.exec(text.slice(start, at))?.[0].length ?? 0
      let end = at + 1
      while (end < text.length && end - at <= maxDomain && isIn(inDomain, text.charCodeAt(end))) end++
      while (end > at + 1 && /[.-]/.test(text.charAt(end - 1))) end--
      if (start < at && isDomain(text.slice(at + 1, end))) {
        spans.push({ start, end })
        free = end
      }
    }
    return spans
  },
}

function tableOf(characters: RegExp): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) => (characters.test(String.fromCharCode(code)) ? 1 : 0))
}

function isIn(table: Uint8Array, code: number): boolean {
  return code >= 0x80 || table[code] === 1
}

/** Labels of 1 to 63 characters, at least two, of which the last is no number (RFC 1035 §2.3.4, RFC 5890). */
const domainName = /^(?:[^.]{1,63}\.)+(?:[A-Za-z\u0080-\uffff]{2,63}|xn--[A-Za-z0-9-]{2,59})$/

const isDomain = (name: string): boolean => domainName.test(name)
