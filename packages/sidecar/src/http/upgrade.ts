import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorText } from '@chaperone/core'
import { UpstreamError } from '../errors.ts'
import type { Refusal } from '../engine/engine.ts'
import { httpRefusal } from '../rescue/http.ts'
import { admit, requestPath, upstreamHeaders, type ExchangeContext, type OpenExchange } from './exchange.ts'

/**
 * WebSocket (RFC 6455 §4): the opening handshake is judged like any request, the frames after it pass unread and only
 * their bytes are counted. Where a rule masks, they could carry what it hides: there the upgrade is refused.
 */
export async function serveUpgrade(
  context: ExchangeContext,
  request: IncomingMessage,
  client: Duplex,
  first: Buffer,
): Promise<void> {
  const gone = new AbortController()
  client.on('error', () => undefined)
  client.on('close', () => gone.abort())
  try {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refuse(client, { kind: 'refuse', reason: 'Unparseable', message: 'upgrade: expected websocket' })
    const passed = await admit(context, request, undefined, gone.signal)
    if ('kind' in passed) return refuse(client, passed)
    if (passed.mask !== undefined)
      return refuse(client, {
        kind: 'refuse',
        reason: 'MaskingFailed',
        message: 'a WebSocket cannot be masked yet, and the rule masks',
      })
    const pool = context.pools.get({
      target: passed.head.target,
      scheme: passed.head.http.scheme,
      cidrs: passed.effects.cidrs,
      http2: false,
    })
    const { headers, socket } = await pool.upgrade({
      path: requestPath(passed.head),
      method: 'GET',
      protocol: 'websocket',
      headers: upstreamHeaders(passed, false).flat(),
      signal: gone.signal,
    })
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((each) => `${name}: ${each}\r\n`),
    )
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
    if (first.length > 0) socket.write(first)
    const exchange: OpenExchange = {
      action: { protocol: 'HTTP', target: passed.head.target, http: passed.head.http },
      cut: () => gone.abort(),
    }
    context.open.add(exchange)
    const { id } = context.connection
    await context.engine.recorder.append('connection.opened', {
      'chaperone.connection.id': id,
      'chaperone.request.seq': passed.requestSeq,
      'network.protocol.name': 'websocket',
      'server.address': passed.head.target.host,
    })
    await Promise.allSettled([
      pipeline(client, socket, { signal: gone.signal }),
      pipeline(socket, client, { signal: gone.signal }),
    ])
    context.open.delete(exchange)
    client.destroy()
    socket.destroy()
    await context.engine.recorder.append('connection.closed', {
      'chaperone.connection.id': id,
      'chaperone.request.seq': passed.requestSeq,
    })
  } catch (error) {
    context.engine.log.debug({ connection: context.connection.id, error: errorText(error) }, 'upgrade failed')
    const reason = error instanceof UpstreamError ? error.reason : 'UpstreamUnreachable'
    refuse(client, {
      kind: 'refuse',
      reason,
      message: error instanceof UpstreamError ? error.message : 'the upstream did not switch protocols',
    })
  }
}

function refuse(client: Duplex, refusal: Refusal): void {
  if (client.destroyed) return
  const { status, headers, body } = httpRefusal(refusal)
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  client.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n${body}`)
}
