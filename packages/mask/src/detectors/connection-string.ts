import type { Detector, Span } from './detector.ts'

const userinfo = /[^\s/@:"'<>]{0,128}:([^\s/@"'<>]{1,256})@/y

/** The password in a URL's userinfo: `postgres://user:password@host/`. */
export const connectionString: Detector = {
  name: 'ConnectionString',
  label: 'url',
  anchors: ['@'],
  find(text) {
    const spans: Span[] = []
    for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
      userinfo.lastIndex = at + 3
      const match = userinfo.exec(text)
      const password = match?.[1] ?? ''
      if (match === null || /^(\*+$|tok_|hmac_|\[REDACTED)/.test(password)) continue
      const end = at + 3 + match[0].length - 1
      spans.push({ start: end - password.length, end })
    }
    return spans
  },
}
