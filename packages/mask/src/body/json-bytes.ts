/** Space, tab, line feed, carriage return (RFC 8259 §2). */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Letters, digits, `_`, and `+ - .`: what numbers and literals are made of, and what could be taken for them. */
export function isBare(byte: number): boolean {
  return (
    isDigit(byte) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x5f ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  )
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

const literals = ['true', 'false', 'null'].map((literal) => Buffer.from(literal))

/** Whether `bytes` from `start` to `end` are a number or a literal (RFC 8259 §3, §6). */
export function isJsonScalar(bytes: Buffer, start: number, end: number): boolean {
  const first = bytes[start] ?? 0
  if (first >= 0x61) return literals.some((literal) => isLiteral(literal, bytes, start, end))
  let at = first === 0x2d ? start + 1 : start
  const whole = digitsEnd(bytes, at, end)
  if (whole === at || (bytes[at] === 0x30 && whole > at + 1)) return false
  at = whole
  if (at < end && bytes[at] === 0x2e) {
    const fraction = at + 1
    at = digitsEnd(bytes, fraction, end)
    if (at === fraction) return false
  }
  if (at < end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const exponent = bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d ? at + 2 : at + 1
    at = digitsEnd(bytes, exponent, end)
    if (at === exponent) return false
  }
  return at === end
}

function digitsEnd(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isDigit(bytes[at] ?? 0)) at++
  return at
}

function isLiteral(literal: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== literal.length) return false
  for (let at = 0; at < literal.length; at++) if (literal[at] !== bytes[start + at]) return false
  return true
}
