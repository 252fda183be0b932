import type { Detector, Span } from './detector.ts'

const local = /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\uffff-]/
const domain = /[A-Za-z0-9.\u0080-\uffff-]/
/** RFC 5321 §4.5.3.1. */
const maxLocal = 64
const maxDomain = 255

/** An addr-spec (RFC 5322 §3.4.1) without quotes: found from its `@` outwards. */
export const emailAddress: Detector = {
  name: 'EmailAddress',
  label: 'email',
  anchor: '@',
  find(text) {
    const spans: Span[] = []
    let free = 0
    for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
      let start = at
      while (start > free && at - start < maxLocal && local.test(text.charAt(start - 1))) start--
      while (start < at && /['.`{|}/=]/.test(text.charAt(start))) start++
      let end = at + 1
      while (end < text.length && end - at <= maxDomain && domain.test(text.charAt(end))) end++
      while (end > at + 1 && /[.-]/.test(text.charAt(end - 1))) end--
      if (start < at && isDomain(text.slice(at + 1, end))) {
        spans.push({ start, end })
        free = end
      }
    }
    return spans
  },
}

function isDomain(name: string): boolean {
  const labels = name.split('.')
  const top = labels.at(-1) ?? ''
  return (
    labels.length >= 2 &&
    labels.every((label) => label.length > 0 && label.length <= 63) &&
    /^([A-Za-z\u0080-\uffff]{2,63}|xn--[A-Za-z0-9-]{2,59})$/.test(top)
  )
}
