import type { Duplex } from 'node:stream'
import type { Pool } from 'undici'
import { WireError, websocket } from '@chaperone/wire'
import { UpstreamError } from '../errors.ts'
import { requestPath, upstreamHeaders, type ExchangeContext, type PassedExchange } from '../http/exchange.ts'
import { endToEndHeaders, headerPairs } from '../http/message.ts'

/** What the upstream made of the handshake. */
export type UpstreamAnswer =
  | {
      readonly kind: 'open'
      readonly socket: Duplex
      readonly protocol: string | undefined
      /** End-to-end fields, without those of the handshake. */
      readonly headers: readonly [string, string][]
    }
  | { readonly kind: 'declined'; readonly status: number }

/**
 * Shakes hands as a client with a key of our own (RFC 6455 §4.1). The client's extensions are not offered: declining
 * permessage-deflate is always in order, and so what passes can be read without a window of compressed data to hold.
 */
export async function openUpstream(
  { engine, pools }: ExchangeContext,
  passed: PassedExchange,
  protocols: readonly string[],
  signal: AbortSignal,
): Promise<UpstreamAnswer> {
  signal.throwIfAborted()
  const offer = { key: Buffer.from(engine.random.bytes(16)).toString('base64'), protocols }
  const { target, http } = passed.head
  const pool = pools.get({ target, scheme: http.scheme, cidrs: passed.effects.cidrs, http2: false })
  const headers = [
    ...withoutHandshake(upstreamHeaders(passed, false)),
    ['sec-websocket-key', offer.key],
    ['sec-websocket-version', websocket.version],
    ...(protocols.length === 0 ? [] : [['sec-websocket-protocol', protocols.join(', ')]]),
  ]
  const answer = await upgrade(pool, requestPath(passed.head), headers.flat(), signal)
  if (typeof answer === 'number') return { kind: 'declined', status: answer }
  const { socket } = answer
  socket.on('error', () => undefined)
  const received = headerPairs(answer.rawHeaders)
  try {
    const protocol = websocket.checkAnswer(offer, received)
    return { kind: 'open', socket, protocol, headers: withoutHandshake(endToEndHeaders(received)) }
  } catch (error) {
    socket.destroy()
    if (!(error instanceof WireError)) throw error
    throw new UpstreamError('UpstreamUnreachable', `the upstream did not answer as a WebSocket: ${error.message}`)
  }
}

/** The connection as `101` left it, or the status of another answer, whose rest is dropped. */
function upgrade(
  pool: Pool,
  path: string,
  headers: string[],
  signal: AbortSignal,
): Promise<{ socket: Duplex; rawHeaders: string[] } | number> {
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { path, method: 'GET', headers, upgrade: 'websocket' },
      {
        onRequestStart(controller) {
          const abort = (): void => controller.abort(signal.reason as Error)
          if (signal.aborted) abort()
          else signal.addEventListener('abort', abort, { once: true })
        },
        onRequestUpgrade(controller, _status, _headers, socket) {
          resolve({ socket, rawHeaders: (controller.rawHeaders as Buffer[]).map((field) => field.toString('latin1')) })
        },
        onResponseStart(controller, status) {
          // Informational answers come before the one that counts; undici gives a 101 without Upgrade as one of them.
          if (status < 200 && status !== 101) return
          resolve(status)
          controller.abort(new Error('the answer is no upgrade'))
        },
        onResponseError(_controller, error) {
          reject(error)
        },
      },
    )
  })
}

function withoutHandshake(headers: readonly [string, string][]): [string, string][] {
  return headers.filter(([name]) => !name.toLowerCase().startsWith('sec-websocket-'))
}
