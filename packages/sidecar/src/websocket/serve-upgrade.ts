import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorText } from '@chaperone/core'
import { WireError, websocket } from '@chaperone/wire'
import type { Refusal } from '../engine/engine.ts'
import { UpstreamError } from '../errors.ts'
import {
  admit,
  enter,
  recordBlocked,
  recordUnanswered,
  refusalOf,
  type ExchangeContext,
  type OpenExchange,
  type PassedExchange,
} from '../http/exchange.ts'
import { refusalFor } from '../http/answer.ts'
import { endToEndHeaders, headerPairs } from '../http/message.ts'
import { parseRequestHead } from '../http/request-head.ts'
import { planResponse } from '../http/response-masking.ts'
import { createMessageJournal } from './message-journal.ts'
import { openUpstream, type UpstreamAnswer } from './open-upstream.ts'
import { startRelay, type Ending } from './relay.ts'

/** A client that asks to go on as a WebSocket (RFC 6455 §4). */
interface Asking {
  readonly client: Duplex
  readonly offer: websocket.Offer
}

/** The opening handshake is judged like any request; after it nothing passes but frames. */
export async function serveUpgrade(
  context: ExchangeContext,
  request: IncomingMessage,
  client: Duplex,
  first: Buffer,
): Promise<void> {
  // At once: the client may close its half before it is read on.
  if (first.length > 0) client.unshift(first)
  const gone = new AbortController()
  client.on('error', () => undefined)
  client.on('close', () => gone.abort())
  const refuse = (refusal: Refusal): void => {
    const { status, headers, body } = refusalFor(request, refusal)
    writeAnswer(client, `${status} Refused`, { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body)
  }
  let passed: PassedExchange | undefined
  try {
    const offer = offerOf(request)
    if ('kind' in offer) return refuse(await recordBlocked(context, denial(context, request) ?? offer))
    const admitted = await admit(context, request, undefined, gone.signal)
    if ('kind' in admitted) return refuse(admitted)
    passed = admitted
    await forward(context, passed, { client, offer }, gone.signal)
  } catch (error) {
    const refusal = refusalOf(context, error)
    if (passed !== undefined && !gone.signal.aborted)
      await recordUnanswered(context, passed, refusal).catch((unrecorded: unknown) =>
        context.engine.log.warn({ error: errorText(unrecorded) }, 'a refusal was not recorded'),
      )
    refuse(refusal)
  }
}

/** What a rule has against an upgrade that cannot be served anyhow: a client that tries one kind after another shows the last answer. */
function denial({ engine, connection, tls }: ExchangeContext, request: IncomingMessage): Refusal | undefined {
  const head = parseRequestHead(request, connection, tls)
  if ('kind' in head) return head
  const verdict = engine.policy.peek({ protocol: 'HTTP', target: head.target, http: head.http })
  return verdict.kind === 'deny' ? { ...verdict, kind: 'refuse' } : undefined
}

/** What was judged is what goes upstream, and that is a GET without a body (RFC 6455 §4.1). */
function offerOf(request: IncomingMessage): websocket.Offer | Refusal {
  const unparseable = (message: string): Refusal => ({ kind: 'refuse', reason: 'Unparseable', message })
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return unparseable('upgrade: expected websocket')
  const framed = ['content-length', 'transfer-encoding'].some((name) => request.headers[name] !== undefined)
  if (request.method !== 'GET' || framed) return unparseable('websocket: expected a GET without a body')
  try {
    return websocket.decodeOffer(endToEndHeaders(headerPairs(request.rawHeaders)))
  } catch (error) {
    if (error instanceof WireError) return unparseable(error.message)
    throw error
  }
}

/** Rejects before `101` was written, or resolves when both connections are gone. */
async function forward(
  context: ExchangeContext,
  passed: PassedExchange,
  asking: Asking,
  signal: AbortSignal,
): Promise<void> {
  const ending = new AbortController()
  const cut = (): void => ending.abort(new UpstreamError('RuleDenied', 'the policy changed'))
  const exchange: OpenExchange = { connection: context.connection, objection: passed.objection, cut }
  try {
    // From now on: a policy that comes to say something else while the upstream is still being asked cuts it too.
    enter(context, exchange)
    const answer = await openUpstream(context, passed, asking.offer.protocols, AbortSignal.any([signal, ending.signal]))
    if (answer.kind === 'declined') await decline(context, passed, asking.client, answer.status)
    else await converse(context, passed, { ...asking, answer, cut: ending.signal })
  } finally {
    context.open.delete(exchange)
  }
}

interface Opened extends Asking {
  readonly answer: Extract<UpstreamAnswer, { kind: 'open' }>
  readonly cut: AbortSignal
}

async function converse(
  context: ExchangeContext,
  passed: PassedExchange,
  { client, offer, answer, cut }: Opened,
): Promise<void> {
  const { engine, connection } = context
  const { mask } = passed
  const attributes = {
    'chaperone.connection.id': connection.id,
    'chaperone.request.seq': passed.requestSeq,
    'network.protocol.name': 'websocket',
    'server.address': passed.head.target.host,
  }
  const isRecorded = passed.effects.auditLevel !== 'None'
  try {
    if (isRecorded) await engine.recorder.append('connection.opened', attributes)
  } catch (error) {
    answer.socket.destroy()
    throw error
  }
  const { headers } = planResponse({ mask, hidden: passed.credential?.hidden ?? [] }, answer.headers, false)
  writeSwitch(client, [
    ['upgrade', 'websocket'],
    ['connection', 'Upgrade'],
    ['sec-websocket-accept', websocket.acceptOf(offer.key)],
    ...(answer.protocol === undefined ? [] : ([['sec-websocket-protocol', answer.protocol]] as const)),
    ...headers,
  ])
  const journals = {
    client: createMessageJournal({ engine, passed, attributes, direction: 'transmit' }),
    upstream: createMessageJournal({ engine, passed, attributes, direction: 'receive' }),
  }
  const relay = startRelay({ engine, mask, journals }, { client, upstream: answer.socket })
  const end = (): void => relay.end({ code: 1008, message: 'policy changed' })
  if (cut.aborted) end()
  else cut.addEventListener('abort', end, { once: true })
  const ending = await relay.ended
  const masked = relay.findings
  await Promise.all([
    relay.closed,
    recordEnding(context, attributes, ending),
    isRecorded &&
      engine.recorder.append('connection.closed', {
        ...attributes,
        'chaperone.connection.bytes_sent': journals.client.bytes,
        'chaperone.connection.bytes_received': journals.upstream.bytes,
        'chaperone.websocket.messages_sent': journals.client.messages,
        'chaperone.websocket.messages_received': journals.upstream.messages,
        'chaperone.websocket.close_code': ending.code,
        'chaperone.mask.count': masked.reduce((sum, { count }) => sum + count, 0),
        'chaperone.mask.detectors': masked.map(({ detector }) => detector),
      }),
  ]).catch((error: unknown) =>
    engine.log.warn({ connection: connection.id, error: errorText(error) }, 'the end of a WebSocket was not recorded'),
  )
}

/** Ended by us for what a side did: whatever the audit level. */
async function recordEnding(
  { engine }: ExchangeContext,
  attributes: Readonly<Record<string, string | number>>,
  { code, message, refused }: Ending,
): Promise<void> {
  if (refused === undefined) return
  await engine.recorder.append('connection.blocked', {
    ...attributes,
    'network.io.direction': refused.by === 'client' ? 'transmit' : 'receive',
    'chaperone.decision': 'deny',
    'chaperone.reason': refused.reason,
    'chaperone.message': message,
    'chaperone.websocket.close_code': code,
  })
}

/** The upstream's own refusal: its status passes, the rest of its answer does not. */
async function decline(
  { engine }: ExchangeContext,
  { effects, head, requestSeq, startedMs }: PassedExchange,
  client: Duplex,
  status: number,
): Promise<void> {
  // A 101 that does not upgrade is no answer to give.
  const given = status < 200 ? 502 : status
  if (effects.auditLevel !== 'None')
    await engine.recorder.append('response', {
      'chaperone.request.seq': requestSeq,
      'server.address': head.target.host,
      'http.response.status_code': given,
      'chaperone.proxy.latency_ms': engine.clock.elapsedMs() - startedMs,
    })
  writeAnswer(client, `${given} Declined`, { 'content-length': '0' })
}

type Headers = readonly (readonly [string, string])[]

const fieldLines = (headers: Headers): string => headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')

function writeSwitch(client: Duplex, headers: Headers): void {
  client.write(`HTTP/1.1 101 Switching Protocols\r\n${fieldLines(headers)}\r\n`, 'latin1')
}

function writeAnswer(client: Duplex, status: string, headers: Readonly<Record<string, string>>, body = ''): void {
  if (client.destroyed) return
  const head = `HTTP/1.1 ${status}\r\n${fieldLines(Object.entries({ ...headers, connection: 'close' }))}\r\n`
  client.end(head + body, () => client.destroy())
}
