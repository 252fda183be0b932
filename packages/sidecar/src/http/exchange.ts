import type { Readable } from 'node:stream'
import { PassThrough } from 'node:stream'
import { errorText, sha256Hex, type Action, type Target } from '@chaperone/core'
import { MaskError, type Mask } from '@chaperone/mask'
import type { Effects } from '@chaperone/policy'
import { ownPrefix } from '../approvals/approval-path.ts'
import { agreedTerms } from '../engine/agreed-terms.ts'
import { CredentialError, DeniedError, UpstreamError } from '../errors.ts'
import { credentialName, type ClientConnection, type Engine, type Refusal } from '../engine/engine.ts'
import { AuditUnavailableError } from '../engine/recorder.ts'
import { httpRefusal } from '../rescue/http.ts'
import { answerRefusal, answerWith } from './answer.ts'
import { credentialHeader, withCredential, type CredentialHeader } from './credential.ts'
import { maxJudgedBodyBytes, type ClientTimeouts } from './limits.ts'
import { endToEndHeaders, isHttp2, type Answer, type ServerRequest } from './message.ts'
import { isOwn, ownAnswer } from './own-answers.ts'
import { payloadOf } from './payload.ts'
import { readBody } from './read-body.ts'
import { parseRequestHead, type RequestHead } from './request-head.ts'
import { relayResponse, type UpstreamResponse } from './response.ts'
import { createSignOfLife } from './sign-of-life.ts'
import type { UpstreamPools } from './upstream-pools.ts'

/** What every exchange of a connection shares. */
export interface ExchangeContext {
  readonly engine: Engine
  readonly pools: UpstreamPools
  readonly connection: ClientConnection
  /** Present when the client speaks TLS. */
  readonly tls: { readonly serverName?: string } | undefined
  readonly timeouts: ClientTimeouts
  /** Exchanges under way: whether they may go on, and how to cut them. */
  readonly open: Set<OpenExchange>
}

export interface OpenExchange {
  readonly connection: ClientConnection
  /** What stands against it under the policy in force; undefined for nothing. */
  readonly objection: () => Refusal | undefined
  readonly cut: () => void
}

/** An action that may pass, with all that forwarding it takes. */
export interface PassedExchange {
  readonly head: RequestHead
  readonly body: Buffer | undefined
  readonly effects: Effects
  readonly objection: OpenExchange['objection']
  readonly mask: Mask | undefined
  readonly credential: CredentialHeader | undefined
  readonly requestSeq: number
  readonly startedMs: number
}

/** One request and its answer. Nothing is written upstream, nor is it dialled, before the action as a whole was judged. */
export async function serveExchange(context: ExchangeContext, request: ServerRequest, answer: Answer): Promise<void> {
  const gone = new AbortController()
  // Every answer closes; one that has ended leaves nothing to give up.
  answer.on('close', () => {
    if (!answer.writableEnded) gone.abort()
  })
  try {
    const head = parseRequestHead(request, context.connection, context.tls)
    if (!('kind' in head) && isOwn(head))
      return answerWith(request, answer, await ownAnswer(context.engine, head, gone.signal))
    const passed = await judge(context, head, { request, answer, signal: gone.signal })
    if ('kind' in passed) return answerRefusal(request, answer, passed)
    const exchange: OpenExchange = {
      connection: context.connection,
      objection: passed.objection,
      cut: () => gone.abort(),
    }
    try {
      enter(context, exchange)
      await forward(context, passed, { request, answer, signal: gone.signal })
    } catch (error) {
      if (gone.signal.aborted || answer.headersSent) throw error
      const refusal = refusalOf(context, error)
      await recordUnanswered(context, passed, refusal)
      answerRefusal(request, answer, refusal)
    } finally {
      context.open.delete(exchange)
    }
  } catch (error) {
    if (gone.signal.aborted) answer.destroy()
    else answerRefusal(request, answer, refusalOf(context, error))
  }
}

/**
 * From here on a policy that would not let the exchange pass in the very same way cuts it. One that came while the verdict was recorded and a
 * credential was read found nothing to cut: so what enters is judged once more. Throws DeniedError.
 */
export function enter({ open }: ExchangeContext, exchange: OpenExchange): void {
  open.add(exchange)
  const refusal = exchange.objection()
  if (refusal !== undefined) throw new DeniedError(refusal)
}

/** From the head of an upgrade to the verdict. */
export function admit(
  context: ExchangeContext,
  request: ServerRequest,
  answer: undefined,
  signal: AbortSignal,
): Promise<PassedExchange | Refusal> {
  const head = parseRequestHead(request, context.connection, context.tls)
  const own: Refusal = { kind: 'refuse', reason: 'Unparseable', message: `${ownPrefix}: expected no upgrade` }
  return judge(context, !('kind' in head) && isOwn(head) ? own : head, { request, answer, signal })
}

async function judge(
  context: ExchangeContext,
  head: RequestHead | Refusal,
  { request, answer, signal }: { request: ServerRequest; answer: Answer | undefined; signal: AbortSignal },
): Promise<PassedExchange | Refusal> {
  const { engine, connection } = context
  const startedMs = engine.clock.elapsedMs()
  if ('kind' in head) return recordBlocked(context, head)
  let body: Buffer | undefined
  if (engine.policy.current?.readsBody(head.target, head.http) === true) {
    if (request.headers.expect !== undefined) answer?.writeContinue()
    body = await readBody(request, maxJudgedBodyBytes)
    if (body === undefined)
      return recordBlocked(context, {
        kind: 'refuse',
        reason: 'BodyTooLarge',
        message: `a body that a rule reads has at most ${maxJudgedBodyBytes} bytes`,
      })
  }
  const payload = body === undefined || body.length === 0 ? undefined : await payloadOf(head, body)
  const signs = answer === undefined ? undefined : createSignOfLife(request, answer, context.timeouts.signMs)
  const action = actionOf(head, body)
  const authorization = await engine
    .authorize(
      {
        connectionId: connection.id,
        action,
        ...(payload === undefined ? {} : { payload }),
        onHeld: () => signs?.start(),
      },
      signal,
    )
    .finally(() => signs?.stop())
  if (authorization.kind === 'refuse') return authorization
  const { effects, requestSeq } = authorization
  // Both now: the mask that is used is that of the profiles that were agreed on.
  const objection = agreedTerms(engine.policy, action, authorization)
  const mask = engine.mask(effects.mask)
  const credential =
    effects.credential === undefined ? undefined : await credentialHeader(effects.credential, engine.credentials)
  if (credential !== undefined && effects.credential !== undefined) {
    await engine.recorder.append('credential.injected', {
      'chaperone.request.seq': requestSeq,
      'chaperone.credential.ref': credentialName(effects.credential),
    })
  }
  return { head, body, effects, objection, mask, credential, requestSeq, startedMs }
}

/** What is refused before there is an action to judge leaves a record all the same. */
export async function recordBlocked(
  { engine, connection }: Pick<ExchangeContext, 'engine' | 'connection'>,
  refusal: Refusal,
): Promise<Refusal> {
  await engine.recorder.append('connection.blocked', {
    'chaperone.connection.id': connection.id,
    'server.address': connection.target.host,
    'server.port': connection.target.port,
    'chaperone.decision': 'deny',
    'chaperone.reason': refusal.reason,
    'chaperone.message': refusal.message,
  })
  return refusal
}

/** An action that passed and got no answer of the upstream: unreachable, at a forbidden address, or not to be masked. */
export async function recordUnanswered(
  { engine }: Pick<ExchangeContext, 'engine'>,
  { effects, requestSeq, head, startedMs }: PassedExchange,
  refusal: Refusal,
): Promise<void> {
  if (effects.auditLevel === 'None') return
  await engine.recorder.append('response', {
    'chaperone.request.seq': requestSeq,
    'server.address': head.target.host,
    'http.response.status_code': httpRefusal(refusal).status,
    'chaperone.reason': refusal.reason,
    'chaperone.message': refusal.message,
    'chaperone.proxy.latency_ms': engine.clock.elapsedMs() - startedMs,
  })
}

function actionOf({ target, http }: RequestHead, body: Buffer | undefined): Action {
  return {
    protocol: 'HTTP',
    target,
    http: body === undefined ? http : { ...http, body: { sha256: sha256Hex(body), bytes: body.length } },
  }
}

interface Sides {
  readonly request: ServerRequest
  readonly answer: Answer
  readonly signal: AbortSignal
}

async function forward(
  context: ExchangeContext,
  passed: PassedExchange,
  { request, answer, signal }: Sides,
): Promise<void> {
  const { head, effects } = passed
  const pool = context.pools.get({
    target: head.target,
    scheme: head.http.scheme,
    cidrs: effects.cidrs,
    http2: isHttp2(request),
  })
  const response = await pool.request({
    method: head.http.method,
    path: requestPath(head),
    headers: upstreamHeaders(passed, isHttp2(request)).flat(),
    body: requestBody(passed, request, answer),
    signal,
    responseHeaders: 'raw',
  })
  await relayResponse(
    { engine: context.engine, passed, method: head.http.method },
    response as unknown as UpstreamResponse,
    answer,
    signal,
  )
}

/** Exactly the path that was judged. */
export function requestPath({ http }: RequestHead): string {
  return http.query === '' ? http.path : `${http.path}?${http.query}`
}

/** End-to-end fields as they came, the credential in place of what the agent sent, and no coding that masking would have to undo. */
export function upstreamHeaders({ head, credential, mask }: PassedExchange, http2: boolean): [string, string][] {
  const withheld = new Set(['expect', 'host'])
  const isSearched = mask !== undefined || (credential !== undefined && credential.hidden.length > 0)
  if (isSearched) for (const name of ['accept-encoding', 'grpc-accept-encoding']) withheld.add(name)
  if (mask !== undefined) for (const name of ['range', 'if-range']) withheld.add(name)
  const headers = withCredential(endToEndHeaders(head.headers), credential).filter(
    ([name]) => !withheld.has(name.toLowerCase()),
  )
  headers.unshift(['host', hostHeader(head.target, head.http.scheme)])
  if (isSearched) headers.push(['accept-encoding', 'identity'])
  // gRPC insists on it (gRPC over HTTP2, "Call-Definition"), and undici forwards it only when asked.
  if (http2 && (head.http.headers['content-type'] ?? '').startsWith('application/grpc'))
    headers.push(['te', 'trailers'])
  return headers
}

function hostHeader({ host, port }: Target, scheme: 'http' | 'https'): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`
}

/** Streams what was not read for the verdict. The client is told to go on only now, after it. */
function requestBody({ body, head }: PassedExchange, request: ServerRequest, answer: Answer): Buffer | Readable | null {
  if (body !== undefined) return body.length === 0 ? null : body
  const framed = isHttp2(request)
    ? !request.stream.endAfterHeaders
    : request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  if (!framed || request.headers['content-length'] === '0' || head.http.method === 'HEAD') return null
  if (request.headers.expect !== undefined) answer.writeContinue()
  // An own stream: undici destroys what it is given, and with the request the client's connection would go.
  return request.pipe(new PassThrough())
}

/** What went wrong, in the words of a refusal. */
export function refusalOf(
  { engine, connection }: Pick<ExchangeContext, 'engine' | 'connection'>,
  error: unknown,
): Refusal {
  if (error instanceof DeniedError) return error.refusal
  const upstream =
    error instanceof UpstreamError
      ? error
      : error instanceof Error && error.cause instanceof UpstreamError
        ? error.cause
        : undefined
  if (upstream !== undefined) return { kind: 'refuse', reason: upstream.reason, message: upstream.message }
  if (error instanceof AuditUnavailableError)
    return { kind: 'refuse', reason: 'AuditUnavailable', message: 'nothing passes that cannot be recorded' }
  if (error instanceof MaskError) return { kind: 'refuse', reason: 'MaskingFailed', message: error.message }
  if (error instanceof CredentialError)
    return { kind: 'refuse', reason: 'CredentialUnavailable', message: error.message }
  engine.log.warn(
    { connection: connection.id, host: connection.target.host, error: errorText(error) },
    'exchange failed',
  )
  return { kind: 'refuse', reason: 'UpstreamUnreachable', message: 'the upstream broke off or did not speak HTTP' }
}
