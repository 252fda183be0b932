import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  controlPaths,
  controlPingIntervalMs,
  type ApprovalAsk,
  type ControlEvent,
  type EffectivePolicy,
  type Heartbeat,
} from '@chaperone/api'
import { errorText, type PodRef } from '@chaperone/core'
import { ApprovalBookError, type ApprovalBook, type LocalApproval } from './approval-book.ts'

/** Requests of a second terminal: `GET` lists, `POST /v1/local/approvals/{name}` decides. */
export const localApprovalsPath = '/v1/local/approvals'

/** What a second terminal sends. */
export interface LocalDecision {
  readonly verdict: 'Approved' | 'Denied'
  readonly by: string
  readonly reason?: string
}

/** Plays the operator's part of the control protocol for one sidecar, on a socket that the agent cannot see. */
export interface Director {
  readonly server: Server
  approvalChanged(approval: LocalApproval): void
  close(): Promise<void>
}

export interface DirectorPorts {
  readonly policy: EffectivePolicy
  readonly pod: PodRef
  readonly book: ApprovalBook
  readonly onHeartbeat: (heartbeat: Heartbeat) => void
}

const maxBodyBytes = 256 * 1024

export function createDirector({ policy, pod, book, onHeartbeat }: DirectorPorts): Director {
  const streams = new Set<ServerResponse>()
  const send = (stream: ServerResponse, event: ControlEvent) => void stream.write(`${JSON.stringify(event)}\n`)

  const events = (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    streams.add(response)
    send(response, { type: 'policy', policy, pod })
    for (const { state } of book.list()) send(response, { type: 'approval', approval: state })
    const ping = setInterval(() => send(response, { type: 'ping' }), controlPingIntervalMs)
    response.on('close', () => {
      clearInterval(ping)
      streams.delete(response)
    })
  }

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = `${request.method ?? ''} ${request.url ?? ''}`
    const json = (body: unknown) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const done = () => void response.writeHead(204).end()
    if (call === `GET ${controlPaths.events}`) return events(response)
    if (call === `POST ${controlPaths.heartbeat}`) {
      onHeartbeat((await readJson(request)) as Heartbeat)
      return done()
    }
    if (call === `POST ${controlPaths.approvals}`) return json(book.ask((await readJson(request)) as ApprovalAsk).state)
    if (call === `GET ${localApprovalsPath}`) return json(book.list())
    const [, decided] = /^POST \/v1\/local\/approvals\/([^/]+)$/.exec(call) ?? []
    if (decided !== undefined) {
      const { verdict, by, reason } = (await readJson(request)) as LocalDecision
      return json(book.decide(decided, verdict, by, reason))
    }
    const [, name, verb] = /^POST \/v1\/approvals\/([^/]+)\/(consume|cancel)$/.exec(call) ?? []
    if (name === undefined) return void response.writeHead(404).end()
    if (verb === 'consume') book.consume(name)
    else book.cancel(name)
    done()
  }

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      const status = error instanceof ApprovalBookError ? (error.code === 'ERR_APPROVAL_NOT_FOUND' ? 404 : 409) : 400
      if (response.headersSent) response.destroy()
      else response.writeHead(status, { 'content-type': 'text/plain' }).end(errorText(error))
    })
  })
  return {
    server,
    approvalChanged({ state }) {
      for (const stream of streams) send(stream, { type: 'approval', approval: state })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.length > maxBodyBytes)
      throw new ApprovalBookError('ERR_APPROVAL_NOT_USABLE', `body: at most ${maxBodyBytes} bytes`)
  }
  return JSON.parse(text) as unknown
}
