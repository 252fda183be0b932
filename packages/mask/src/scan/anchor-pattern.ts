/** One byte of an anchor: which bytes it may be, and whether it may be missing. */
export interface AnchorItem {
  readonly bytes: ReadonlySet<number>
  readonly optional: boolean
}

/**
 * An anchor: ASCII characters, `\d`, sets like `[0-9A-F]`, each with `?`, `{n}` or `{n,m}` behind it, and nothing else. No
 * control character, quote or backslash: those end a JSON string, a line, or what could be found.
 */
export function parseAnchor(source: string): readonly AnchorItem[] {
  const items: AnchorItem[] = []
  const token = /(\\d|\\.|\[[^\]]+\]|[^\\[\]{}?])(?:(\?)|\{(\d+)(?:,(\d+))?\})?/gy
  while (token.lastIndex < source.length) {
    const match = token.exec(source)
    if (match === null) throw new RangeError(`anchor ${source}: expected characters, sets and counts`)
    const [, atom = '', maybe, least = '1', most = least] = match
    const [min, max] = maybe === undefined ? [Number(least), Number(most)] : [0, 1]
    const bytes = bytesOf(atom)
    for (let count = 0; count < max; count++) items.push({ bytes, optional: count >= min })
  }
  return items
}

/** The word in whatever case. */
export function caseless(word: string): string {
  return word.replaceAll(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)
}

function bytesOf(atom: string): ReadonlySet<number> {
  if (atom === String.raw`\d`) return range('0', '9')
  if (atom.startsWith('\\')) return new Set([atom.charCodeAt(1)])
  if (!atom.startsWith('[')) return new Set([atom.charCodeAt(0)])
  const bytes = new Set<number>()
  for (const [part, from, to] of atom.slice(1, -1).matchAll(/(.)-(.)|./g)) {
    if (from !== undefined && to !== undefined) for (const byte of range(from, to)) bytes.add(byte)
    else bytes.add(part.charCodeAt(0))
  }
  return bytes
}

function range(from: string, to: string): Set<number> {
  const first = from.charCodeAt(0)
  return new Set(Array.from({ length: to.charCodeAt(0) - first + 1 }, (_, index) => first + index))
}
