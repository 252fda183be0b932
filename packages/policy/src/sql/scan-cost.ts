/** Characters of which PostgreSQL makes operators (`op_chars` in scan.l). */
const operatorCharacters = '~!@#^&|`?+-*/%<>='
const isOperatorCharacter = new Uint8Array(128)
for (const character of operatorCharacters) isOperatorCharacter[character.charCodeAt(0)] = 1

const plus = 0x2b
const minus = 0x2d
const slash = 0x2f
const star = 0x2a

/**
 * About how many characters PostgreSQL's scanner reads again. It takes the longest run of operator characters, then gives
 * back all of it but a comment's opening or a trailing sign (scan.l, `xcstart` and `operator`), so `/*` or `+` n times
 * costs n² steps: 400 KB of comment openings take two minutes.
 */
export function scanCost(text: string): number {
  let cost = 0
  let restarts = 0
  let length = 0
  let previous = 0
  for (let index = 0; index <= text.length; index++) {
    const code = index < text.length ? text.charCodeAt(index) : 0
    if (code < 128 && isOperatorCharacter[code] === 1) {
      length++
      if (code === plus || code === minus || (code === star && previous === slash)) restarts++
    } else if (length > 0) {
      cost += length * restarts
      length = 0
      restarts = 0
    }
    previous = code
  }
  return cost
}
