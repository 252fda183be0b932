import type { Detector, Span } from './detector.ts'

const begin = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g

/** PEM blocks of private keys (RFC 7468), from BEGIN to END, or to the end of the text when END is missing. */
export const privateKey: Detector = {
  name: 'PrivateKey',
  label: 'key',
  anchors: ['-----BEGIN '],
  find(text) {
    const spans: Span[] = []
    begin.lastIndex = 0
    for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
      const end = `-----END ${match[0].slice('-----BEGIN '.length)}`
      const at = text.indexOf(end, begin.lastIndex)
      spans.push({ start: match.index, end: at === -1 ? text.length : at + end.length })
      if (at === -1) break
      begin.lastIndex = at + end.length
    }
    return spans
  },
}
