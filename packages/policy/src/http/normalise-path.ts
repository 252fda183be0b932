import { looseSegments } from './path-readings.ts'

/** Characters that never need percent-encoding (RFC 3986 §2.3). */
const unreserved = /^[A-Za-z0-9\-._~]$/
/** Control bytes, space, backslash, fragment and non-ASCII have no place in a request target (RFC 9112 §3.2). */
// eslint-disable-next-line no-control-regex -- the control bytes are the point
const forbidden = /[\u0000-\u0020\u007f-\uffff\\#]/
const malformedEscape = /%(?![0-9A-Fa-f]{2})/
/** Encoded control bytes and backslash: servers that take them literally and servers that do not are told apart by attacks. */
const ambiguousEscape = /%(?:[01][0-9A-F]|7F|5C)/
/** An escape within an escape: `%252F` is `%2F` to a server that decodes twice. */
const doubleEscape = /%25[0-9A-Fa-f]{2}/

export interface RequestTarget {
  /** As `HttpFacet.path`: to be judged and, in the place of what was sent, to be forwarded. */
  readonly path: string
  /** As sent, without `?`. */
  readonly query: string
}

/**
 * Normalises an origin-form request target (RFC 3986 §6.2.2): dot segments removed, unreserved characters decoded, escapes
 * upper-case. `%2F` stays as it is and never separates segments for an Allow rule. Undefined when two servers could read
 * the target differently: not starting with one `/`, empty segments, backslashes, bytes that must be encoded, escapes that
 * are malformed, doubled or not UTF-8, and dot segments that appear only after decoding or without parameters (`..%2F`, `..;`).
 */
export function normalisePath(rawTarget: string): RequestTarget | undefined {
  if (!rawTarget.startsWith('/') || forbidden.test(rawTarget)) return undefined
  const mark = rawTarget.indexOf('?')
  const rawPath = mark === -1 ? rawTarget : rawTarget.slice(0, mark)
  const query = mark === -1 ? '' : rawTarget.slice(mark + 1)
  if (rawPath.includes('//')) return undefined
  const decoded = rawPath.includes('%') ? decodeUnreserved(rawPath) : rawPath
  const path = decoded?.includes('/.') === true ? removeDotSegments(decoded) : decoded
  if (path === undefined || hidesDots(path)) return undefined
  return { path, query }
}

/** Decodes unreserved characters and writes other escapes in upper case; undefined when an escape is not safe to keep. */
export function decodeUnreserved(path: string): string | undefined {
  if (malformedEscape.test(path)) return undefined
  const decoded = path.replaceAll(/%(..)/g, (_escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return unreserved.test(character) ? character : `%${hex.toUpperCase()}`
  })
  return ambiguousEscape.test(decoded) || doubleEscape.test(decoded) || !isUtf8(decoded) ? undefined : decoded
}

/** Overlong forms such as `%C0%AF` are slashes and dots to careless decoders. */
function isUtf8(escaped: string): boolean {
  try {
    decodeURIComponent(escaped)
    return true
  } catch {
    return false
  }
}

/** RFC 3986 §5.2.4; undefined when the path climbs above its root. */
function removeDotSegments(path: string): string | undefined {
  const output: string[] = []
  const segments = path.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1
    if (segment === '..') {
      if (output.pop() === undefined) return undefined
      if (last) output.push('')
    } else if (segment === '.') {
      if (last) output.push('')
    } else output.push(segment)
  }
  return `/${output.join('/')}`
}

function hidesDots(path: string): boolean {
  return path.includes('.') && looseSegments(path).some((segment) => segment === '.' || segment === '..')
}
