import type { IncomingMessage } from 'node:http'
import { Transform, type Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorText } from '@chaperone/core'
import { MaskError } from '@chaperone/mask'
import type { Refusal } from '../engine/engine.ts'
import { httpRefusal } from '../rescue/http.ts'
import {
  admit,
  recordBlocked,
  recordUnanswered,
  refusalOf,
  requestPath,
  upstreamHeaders,
  type ExchangeContext,
  type OpenExchange,
  type PassedExchange,
} from './exchange.ts'

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
  let passed: PassedExchange | undefined
  try {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refuse(client, { kind: 'refuse', reason: 'Unparseable', message: 'upgrade: expected websocket' })
    // What was judged is what goes upstream, and that is a GET without a body (RFC 6455 §4.1).
    const framed = ['content-length', 'transfer-encoding'].some((name) => request.headers[name] !== undefined)
    if (request.method !== 'GET' || framed)
      return refuse(
        client,
        await recordBlocked(context, {
          kind: 'refuse',
          reason: 'Unparseable',
          message: 'websocket: expected a GET without a body',
        }),
      )
    const admitted = await admit(context, request, undefined, gone.signal)
    if ('kind' in admitted) return refuse(client, admitted)
    passed = admitted
    if (passed.mask !== undefined)
      throw new MaskError('ERR_MASK_CONTENT', 'a WebSocket cannot be masked yet, and the rule masks')
    await relayFrames(context, passed, { client, first, gone })
  } catch (error) {
    const refusal = refusalOf(context, error)
    if (passed !== undefined && !gone.signal.aborted)
      await recordUnanswered(context, passed, refusal).catch((unrecorded: unknown) =>
        context.engine.log.warn({ error: errorText(unrecorded) }, 'a refusal was not recorded'),
      )
    refuse(client, refusal)
  }
}

/** Rejects before `101` was written, or destroys both sides. */
async function relayFrames(
  context: ExchangeContext,
  passed: PassedExchange,
  { client, first, gone }: { client: Duplex; first: Buffer; gone: AbortController },
): Promise<void> {
  const { engine, connection } = context
  const exchange: OpenExchange = {
    connection,
    action: { protocol: 'HTTP', target: passed.head.target, http: passed.head.http },
    cut: () => gone.abort(),
  }
  const attributes = { 'chaperone.connection.id': connection.id, 'chaperone.request.seq': passed.requestSeq }
  const sent = createCounter()
  const received = createCounter()
  let upstream: Duplex | undefined
  // From now on: a policy that comes to deny it while the upstream is still being asked cuts it too.
  context.open.add(exchange)
  try {
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
    upstream = socket
    socket.on('error', () => undefined)
    await engine.recorder.append('connection.opened', {
      ...attributes,
      'network.protocol.name': 'websocket',
      'server.address': passed.head.target.host,
    })
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((each) => `${name}: ${each}\r\n`),
    )
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`, 'latin1')
    if (first.length > 0) client.unshift(first)
    await Promise.allSettled([
      pipeline(client, sent.stream, socket, { signal: gone.signal }),
      pipeline(socket, received.stream, client, { signal: gone.signal }),
    ])
    client.destroy()
  } finally {
    context.open.delete(exchange)
    upstream?.destroy()
  }
  await engine.recorder
    .append('connection.closed', {
      ...attributes,
      'chaperone.connection.bytes_sent': sent.bytes,
      'chaperone.connection.bytes_received': received.bytes,
    })
    .catch((error: unknown) =>
      engine.log.warn(
        { connection: connection.id, error: errorText(error) },
        'the end of a WebSocket was not recorded',
      ),
    )
}

function createCounter(): { readonly stream: Transform; readonly bytes: number } {
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return {
    stream,
    get bytes() {
      return bytes
    },
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
