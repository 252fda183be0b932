import { caseless } from '../scan/anchor-pattern.ts'
import type { Detector, Span } from './detector.ts'

const words = ['passw', 'pwd', 'secret', 'token', 'api[_-]?key', 'access[_-]?key', 'authorization', 'credential']

/** A name that promises a secret, then a value: `password = …`, `"api_key": "…"`, `Authorization: Bearer …`. */
const pattern =
  /(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|credential)s?["']?[ \t]{0,4}[:=][ \t]{0,4}["']?(?:bearer |basic )?([^\s"',;&<>{}[\]]{8,512})/gi

/** Names of members that promise a secret: at their end, so that `token_type` and `tokenizer` do not. */
const secretName =
  /(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|credential)s?(?:[_-]?(?:key|value|hash))?\d?$/i

/** High-entropy values beside such a name; words and our own replacements are left alone. */
export const secret: Detector = {
  name: 'Secret',
  label: 'secret',
  anchors: words.map((word) => caseless(word).replaceAll('[[_-]]?', '[_-]?')),
  find(text) {
    const spans: Span[] = []
    for (const match of text.matchAll(pattern)) {
      const value = match[1] ?? ''
      const end = match.index + match[0].length
      if (isRandomLooking(value)) spans.push({ start: end - value.length, end })
    }
    return spans
  },
  named: (name, value) =>
    value.length >= 8 && value.length <= 512 && secretName.test(name) && !/\s/.test(value) && isRandomLooking(value),
}

/** Bits per character above which a value is no word, without and with digits or signs in it. */
const minEntropy = { letters: 3.5, mixed: 2.5 }
/** Letters alone are a word unless they go on for longer than words do. */
const minLetters = 16

function isRandomLooking(value: string): boolean {
  if (/^(tok_|hmac_|\*{2,}|\[REDACTED:|\d{4}-\d\d-\d\d)/.test(value)) return false
  if (/^[A-Za-z_.-]*$/.test(value)) return value.length >= minLetters && entropyOf(value) >= minEntropy.letters
  return entropyOf(value) >= minEntropy.mixed
}

/** Shannon's, in bits per character. */
function entropyOf(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let entropy = 0
  for (const count of counts.values()) entropy -= (count / value.length) * Math.log2(count / value.length)
  return entropy
}
