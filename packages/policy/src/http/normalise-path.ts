/** Characters that never need percent-encoding (RFC 3986 §2.3). */
const unreserved = /[A-Za-z0-9\-._~]/
/** Control bytes, space, backslash and non-ASCII have no place in a request target (RFC 9112 §3.2). */
// eslint-disable-next-line no-control-regex -- the control bytes are the point
const forbidden = /[\u0000-\u0020\u007f-\uffff\\#]/
/** Encoded forms of what servers disagree about: slash, backslash, NUL, percent itself. */
const ambiguousEscapes = new Set(['2F', '5C', '00', '25'])

export interface RequestTarget {
  readonly path: string
  readonly query: string
}

/**
 * The path that is judged, which is the path that is forwarded: RFC 3986 §6.2.2 normalisation (dot segments removed,
 * unreserved characters decoded, escapes upper-case). Undefined when two servers could read the target differently:
 * backslashes, empty segments, invalid or ambiguous escapes, segments with parameters that hide dots.
 */
export function normalisePath(rawTarget: string): RequestTarget | undefined {
  if (!rawTarget.startsWith('/') || forbidden.test(rawTarget)) return undefined
  const mark = rawTarget.indexOf('?')
  const rawPath = mark === -1 ? rawTarget : rawTarget.slice(0, mark)
  const query = mark === -1 ? '' : rawTarget.slice(mark + 1)
  if (rawPath.includes('//')) return undefined
  const decoded = decodeUnreserved(rawPath)
  if (decoded === undefined) return undefined
  const path = removeDotSegments(decoded)
  return path === undefined ? undefined : { path, query }
}

function decodeUnreserved(path: string): string | undefined {
  const escapes = path.match(/%.{0,2}/g) ?? []
  if (escapes.some((escape) => !/^%[0-9A-Fa-f]{2}$/.test(escape) || ambiguousEscapes.has(escape.slice(1).toUpperCase()))) return undefined
  return path.replaceAll(/%../g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return unreserved.test(character) ? character : escape.toUpperCase()
  })
}

function removeDotSegments(path: string): string | undefined {
  const output: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    // `..;x` is a dot segment to some servers and a name to others.
    if (/^\.{1,2};/.test(segment)) return undefined
    if (segment === '..') {
      if (output.pop() === undefined) return undefined
      if (last) output.push('')
    } else if (segment === '.') {
      if (last) output.push('')
    } else output.push(segment)
  }
  return `/${output.join('/')}`
}
