import type { Detector, Span } from './detector.ts'

const begin = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g

/** PEM blocks of private keys (RFC 7468), from BEGIN to END, or to the end of the text when END is missing. */
export const privateKey: Detector = {
  name: 'PrivateKey',
  label: 'key',
  anchor: '-----BEGIN ',
  find(text) {
    if (!text.includes('-----BEGIN ')) return []
    const spans: Span[] = []
    for (const match of text.matchAll(begin)) {
      const label = match[0].slice('-----BEGIN '.length)
      const end = text.indexOf(`-----END ${label}`, match.index)
      spans.push({ start: match.index, end: end === -1 ? text.length : end + `-----END ${label}`.length })
    }
    return spans
  },
}
