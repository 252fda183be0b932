import type { HttpFacet, Target } from '@chaperone/core'
import { normalisePath } from '@chaperone/policy'
import type { ClientConnection, Refusal } from '../engine/engine.ts'
import { parseAuthority, requestTarget } from './authority.ts'
import { endToEndHeaders, headerPairs, isHttp2, type ServerRequest } from './message.ts'

/** A request head that means one thing only. */
export interface RequestHead {
  readonly target: Target
  readonly http: Omit<HttpFacet, 'body'>
  readonly headers: readonly [string, string][]
}

/** Fields that change what a request means, and so what is judged and what an approval is bound to. */
const meaningful = [
  'content-type',
  'content-encoding',
  'x-http-method-override',
  'x-method-override',
  'x-http-method',
  'soapaction',
  'x-amz-target',
  'git-protocol',
]

const strict = new Set(['host', 'content-length', 'transfer-encoding', ...meaningful])

/** CGI and its heirs read `Content_Length` as `Content-Length` (RFC 3875 §4.1.18); what is judged has one spelling. */
function isAlias(name: string): boolean {
  return name.includes('_') && strict.has(name.toLowerCase().replaceAll('_', '-'))
}

/** As rules write them. HTTP/2 carries any token, and some servers read `delete` as DELETE (RFC 9110 §9.1 does not). */
const methodPattern = /^[A-Z][A-Z-]{0,31}$/
/** Methods that a proxy cannot judge: CONNECT opens a raw tunnel, TRACE echoes credentials. */
const refusedMethods = new Set(['CONNECT', 'TRACE', 'TRACK'])

/** Reads a head strictly; whatever two parsers could read differently is refused. */
export function parseRequestHead(
  request: ServerRequest,
  connection: ClientConnection,
  tls: { readonly serverName?: string } | undefined,
): RequestHead | Refusal {
  const headers = headerPairs(request.rawHeaders)
  const method = request.method ?? ''
  if (!methodPattern.test(method)) return unparseable('method: expected capital letters')
  if (refusedMethods.has(method)) return unparseable(`method ${method} is not supported`)
  const ambiguity = ambiguityOf(request, headers)
  if (ambiguity !== undefined) return unparseable(ambiguity)
  const raw = rawTarget(request, connection)
  if (raw === undefined) return unparseable('request target: expected a path')
  const authority = parseAuthority(
    raw.authority ?? (isHttp2(request) ? request.authority : undefined) ?? valuesOf(headers, 'host')[0] ?? '',
  )
  if (authority === undefined) return unparseable('host: expected one host name and an optional port')
  const [host] = valuesOf(headers, 'host')
  if (host !== undefined && parseAuthority(host)?.host !== authority.host)
    return mismatch('host, :authority and the request target name different hosts')
  const target = requestTarget(connection, tls?.serverName, authority)
  if (target === undefined) return mismatch('the request names another host than the connection was made to')
  const path = normalisePath(raw.path)
  if (path === undefined)
    return unparseable('path: expected one without backslashes, empty segments or ambiguous escapes')
  return {
    target,
    headers,
    http: { method, scheme: tls === undefined ? 'http' : 'https', ...path, headers: facetHeaders(headers) },
  }
}

/** What another parser could frame or name otherwise. */
function ambiguityOf(request: ServerRequest, headers: readonly [string, string][]): string | undefined {
  if (!isHttp2(request) && request.httpVersion !== '1.1' && request.httpVersion !== '1.0')
    return 'version: expected HTTP/1.1, HTTP/1.0 or HTTP/2'
  if (headers.some(([name]) => isAlias(name))) return 'header names: expected hyphens, not underscores'
  const lengths = valuesOf(headers, 'content-length')
  if (valuesOf(headers, 'host').length > 1 || lengths.length > 1)
    return 'host and content-length: expected at most one each'
  const codings = valuesOf(headers, 'transfer-encoding')
  if (codings.length === 0) return undefined
  if (lengths.length > 0) return 'transfer-encoding and content-length exclude each other'
  // Any other coding would have to be forwarded, and HTTP/1.0 knows none (RFC 9112 §6.1).
  if (codings.join(',').toLowerCase() !== 'chunked' || request.httpVersion === '1.0')
    return 'transfer-encoding: expected chunked alone, in HTTP/1.1'
  return undefined
}

function valuesOf(headers: readonly [string, string][], wanted: string): string[] {
  return headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
}

/** Of what will be forwarded only: a field that Connection names never reaches the upstream, so it may not sway the verdict. */
function facetHeaders(headers: readonly [string, string][]): Record<string, string> {
  const forwarded = endToEndHeaders(headers)
  return Object.fromEntries(
    meaningful.flatMap((name) => {
      const values = valuesOf(forwarded, name)
      return values.length === 0 ? [] : [[name, values.join(', ')]]
    }),
  )
}

/** Whether the target names its host, as only a proxy is told. */
export function isAbsolute({ url = '' }: Pick<ServerRequest, 'url'>): boolean {
  return /^http:/i.test(url)
}

/** Path and query, and the authority of an absolute-form target, which only an explicit proxy is sent (RFC 9112 §3.2.2). */
function rawTarget(
  request: ServerRequest,
  connection: ClientConnection,
): { path: string; authority?: string } | undefined {
  const url = request.url ?? ''
  if (url.startsWith('/')) return { path: url }
  if (url === '*' && request.method === 'OPTIONS') return { path: '/' }
  const absolute = /^http:\/\/([^/?#]+)(\/[^#]*)?$/i.exec(url)
  if (connection.nameFrom !== 'proxy' || absolute === null) return undefined
  return { path: absolute[2] ?? '/', authority: absolute[1] ?? '' }
}

const unparseable = (message: string): Refusal => ({ kind: 'refuse', reason: 'Unparseable', message })
const mismatch = (message: string): Refusal => ({ kind: 'refuse', reason: 'NameMismatch', message })
