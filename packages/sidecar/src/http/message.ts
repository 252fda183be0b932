import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'

export type ServerRequest = IncomingMessage | Http2ServerRequest

/** Node's compatibility API gives the answers of HTTP/2 the members of these. */
export type Answer = ServerResponse

/** Node's answers of HTTP/2 do not say so themselves. */
export const isGone = (request: ServerRequest, answer: Answer): boolean =>
  isHttp2(request) ? request.stream.destroyed : answer.destroyed

/** By what parsed it: a client may write any version in the words of HTTP/1.1. */
export const isHttp2 = (request: ServerRequest): request is Http2ServerRequest => request instanceof Http2ServerRequest

/** Names and values as they came, without HTTP/2's pseudo-header fields. */
export function headerPairs(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (!name.startsWith(':')) pairs.push([name, rawHeaders[index + 1] ?? ''])
  }
  return pairs
}

/** Fields that speak of one connection and are never forwarded (RFC 9110 §7.6.1); `te: trailers` is gRPC's and may stay. */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'proxy-authenticate',
  'proxy-authorization',
  'http2-settings',
])

export function endToEndHeaders(pairs: readonly [string, string][]): [string, string][] {
  const named = new Set(
    pairs
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) =>
        value
          .toLowerCase()
          .split(',')
          .map((part) => part.trim()),
      ),
  )
  return pairs.filter(([name]) => !hopByHop.has(name.toLowerCase()) && !named.has(name.toLowerCase()))
}
