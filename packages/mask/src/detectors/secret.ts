import type { Detector, Span } from './detector.ts'

/** A name that promises a secret, then a value: `password = …`, `"api_key": "…"`, `Authorization: Bearer …`. */
const pattern =
  /(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|credential)s?["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer |basic )?([^\s"',;&<>{}[\]]{8,512})/gi

/** Member names of JSON that promise a secret. */
const secretName = /passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|credential/i

/** Whether `value` is a secret because its member is called `name`; in JSON the two are apart. */
export function isNamedSecret(name: string, value: string): boolean {
  return (
    value.length >= 8 &&
    value.length <= 512 &&
    !/\s/.test(value) &&
    secretName.test(name) &&
    !value.startsWith('[REDACTED:') &&
    isRandomLooking(value)
  )
}

/** High-entropy values beside such a name; words and our own replacements are left alone. */
export const secret: Detector = {
  name: 'Secret',
  label: 'secret',
  anchor: '[:=]',
  find(text) {
    const spans: Span[] = []
    for (const match of text.matchAll(pattern)) {
      const value = match[1] ?? ''
      const end = match.index + match[0].length
      if (isRandomLooking(value)) spans.push({ start: end - value.length, end })
    }
    return spans
  },
}

/** Bits per character above which a value of this length is no word. */
const minEntropy = 3

function isRandomLooking(value: string): boolean {
  if (/^(tok_|hmac_|\*{2,})/.test(value)) return false
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  const entropy = [...counts.values()].reduce(
    (sum, count) => sum - (count / value.length) * Math.log2(count / value.length),
    0,
  )
  return entropy >= minEntropy || (/\d/.test(value) && /[A-Za-z]/.test(value) && value.length >= 12)
}

/** The password in a URL's userinfo: `postgres://user:password@host/`. */
export const connectionString: Detector = {
  name: 'ConnectionString',
  label: 'url',
  anchor: '://',
  find(text) {
    const spans: Span[] = []
    for (let at = text.indexOf('://'); at !== -1; at = text.indexOf('://', at + 3)) {
      const userinfo = /^[^\s/@:"'<>]{0,128}:([^\s/@"'<>]{1,256})@/.exec(text.slice(at + 3, at + 400))
      const password = userinfo?.[1]
      if (
        userinfo === null ||
        password === undefined ||
        /^(\*+|tok_.*|hmac_.*)$/.test(password) ||
        password.startsWith('[REDACTED')
      )
        continue
      const end = at + 3 + userinfo[0].length - 1
      spans.push({ start: end - password.length, end })
    }
    return spans
  },
}
