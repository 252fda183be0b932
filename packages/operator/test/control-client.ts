import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { createInterface } from 'node:readline'
import type { ControlEvent } from '@chaperone/api'
import type { KubeApiserver } from '@chaperone/testkit'
import { systemNamespace } from './chart.ts'
import type { RunningOperator } from './running-operator.ts'

/** Speaks to a replica as a sidecar does: over verified TLS, with a token. */
export interface ControlClient {
  call(path: string, body: unknown): Promise<{ readonly status: number; readonly text: string }>
  /** Resolves with the head of the event stream. */
  events(): Promise<EventReader>
}

export interface EventReader {
  readonly status: number
  /** Resolves with the next event that `accepts`; rejects when the stream ends first. */
  next(accepts: (event: ControlEvent) => boolean): Promise<ControlEvent>
  close(): void
}

export async function createControlClient(
  apiserver: KubeApiserver,
  operator: RunningOperator,
  token: string,
): Promise<ControlClient> {
  const secret = (await apiserver.request('GET', `/api/v1/namespaces/${systemNamespace}/secrets/chaperone-certs`)) as {
    data: Record<string, string>
  }
  const send = async (method: string, path: string, body: string): Promise<IncomingMessage> => {
    const outgoing = request({
      host: '127.0.0.1',
      port: operator.controlPort,
      servername: `chaperone-control.${systemNamespace}.svc`,
      ca: Buffer.from(secret.data['ca.crt'] ?? '', 'base64'),
      agent: false,
      method,
      path,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    })
    outgoing.end(body)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    return response
  }
  return {
    async call(path, body) {
      const response = await send('POST', path, typeof body === 'string' ? body : JSON.stringify(body))
      const text = (await response.toArray()).join('')
      return { status: response.statusCode ?? 0, text }
    },
    async events() {
      const response = await send('GET', '/v1/events', '')
      const lines = createInterface(response)[Symbol.asyncIterator]()
      return {
        status: response.statusCode ?? 0,
        async next(accepts) {
          for (;;) {
            const { value, done } = await lines.next()
            if (done === true) throw new Error('the stream has ended')
            const event = JSON.parse(value) as ControlEvent
            if (accepts(event)) return event
          }
        },
        close: () => void response.destroy(),
      }
    },
  }
}
