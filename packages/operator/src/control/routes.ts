import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import {
  controlPaths,
  controlPingIntervalMs,
  type AgentSession,
  type ApprovalAsk,
  type ApprovalState,
  type ControlEvent,
  type EffectivePolicy,
  type Heartbeat,
} from '@chaperone/api'
import { CodedError, errorText } from '@chaperone/core'
import { readBody } from '../http/read-body.ts'
import { parseAsk } from './approval-object.ts'
import type { Approvals } from './approvals.ts'
import type { Caller } from './caller.ts'
import type { CertificateEvents } from './certificate-events.ts'
import type { Heartbeats } from './heartbeats.ts'
import type { Hub } from './hub.ts'
import { belongs, policyEvent } from './policy-event.ts'

export interface ControlPorts {
  readonly identify: (authorization: string | undefined) => Promise<Caller>
  /** The session that now has the name of the caller's. */
  readonly session: (caller: Caller) => AgentSession | undefined
  readonly policy: (session: AgentSession) => EffectivePolicy
  readonly openApprovals: (podUid: string) => readonly ApprovalState[]
  readonly approvals: Approvals
  readonly heartbeats: Heartbeats
  readonly certificateEvents: CertificateEvents
  readonly hub: Hub
  readonly trust: () => string
  readonly log: Logger
}

/** A listener that leaves more than two of the largest policies unread is cut off; it is told everything when it is back. */
const maxUnreadBytes = 64 * 1024 * 1024

/** Codes that are the caller's doing, and the HTTP status of each; anything else is ours and says nothing. */
const statusOf: Readonly<Record<string, number>> = {
  ERR_CONTROL_UNAUTHENTICATED: 401,
  ERR_CONTROL_FORBIDDEN: 403,
  ERR_ASK_INVALID: 400,
  ERR_HEARTBEAT_INVALID: 400,
  ERR_HTTP_BODY: 413,
  ERR_HTTP_JSON: 400,
  ERR_APPROVAL_LIMIT: 429,
  ERR_APPROVAL_NOT_FOUND: 404,
  ERR_APPROVAL_NOT_USABLE: 409,
  ERR_SESSION_GONE: 410,
}

/** The control protocol of @chaperone/api, for the sidecars that call this replica. */
export function createControlRoutes(
  ports: ControlPorts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    try {
      await route(ports, request, response)
    } catch (error) {
      const status = error instanceof CodedError ? statusOf[String(error.code)] : undefined
      if (status === undefined) ports.log.error({ error: errorText(error) }, 'control request failed')
      if (response.headersSent) response.destroy()
      else
        response
          .writeHead(status ?? 500, { 'content-type': 'text/plain' })
          .end(status === undefined ? 'internal error\n' : `${errorText(error)}\n`)
    }
  }
}

async function route(ports: ControlPorts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const caller = await ports.identify(request.headers.authorization)
  const call = `${request.method ?? ''} ${request.url ?? ''}`
  if (call === `GET ${controlPaths.events}`) return stream(ports, caller, response)
  if (call === `POST ${controlPaths.heartbeat}`) {
    const { refusedCertificates = [] } = ports.heartbeats.receive(caller, (await readJson(request)) as Heartbeat)
    ports.certificateEvents.report(caller, refusedCertificates)
    return void response.writeHead(204).end()
  }
  if (call === `POST ${controlPaths.approvals}`) {
    const ask: ApprovalAsk = parseAsk(await readJson(request))
    return json(response, await ports.approvals.ask(caller, sessionOf(ports, caller), ask))
  }
  const [, name, verb] = /^POST \/v1\/approvals\/([a-z0-9][-a-z0-9.]{0,252})\/(consume|cancel)$/.exec(call) ?? []
  if (name === undefined) return void response.writeHead(404).end()
  if (verb === 'consume') sessionOf(ports, caller)
  await (verb === 'consume' ? ports.approvals.consume(caller, name) : ports.approvals.cancel(caller, name))
  response.writeHead(204).end()
}

/** Throws for a pod that no longer belongs to its session: what was asked or approved under it counts for nothing. */
function sessionOf(ports: ControlPorts, caller: Caller): AgentSession {
  const session = ports.session(caller)
  if (!belongs(session, caller)) throw new CodedError('ERR_SESSION_GONE', 'the pod no longer belongs to its session')
  return session
}

/** First the policy, the trust and every open approval; from then on whatever the hub has for this pod. */
function stream(ports: ControlPorts, caller: Caller, response: ServerResponse): void {
  const send = (event: ControlEvent): void => {
    response.write(`${JSON.stringify(event)}\n`)
    if (response.writableLength > maxUnreadBytes) response.destroy()
  }
  const remove = ports.hub.add({
    caller,
    send,
    end: () => void response.end(),
  })
  if (remove === undefined) return void response.writeHead(503, { 'retry-after': '1' }).end()
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  send({ type: 'trust', caBundle: ports.trust() })
  send(policyEvent(ports.session(caller), caller, ports.policy))
  for (const approval of ports.openApprovals(caller.pod.uid)) send({ type: 'approval', approval })
  const ping = setInterval(() => send({ type: 'ping' }), controlPingIntervalMs)
  response.on('close', () => {
    clearInterval(ping)
    remove()
  })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse(await readBody(request)) as unknown
  } catch (error) {
    throw error instanceof SyntaxError ? new CodedError('ERR_HTTP_JSON', 'body: expected JSON') : error
  }
}

function json(response: ServerResponse, body: ApprovalState): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
