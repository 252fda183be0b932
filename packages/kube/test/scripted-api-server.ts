import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An HTTP server that answers as a test says, for what no real API server can be made to answer. */
export interface ScriptedApiServer {
  readonly url: string
  readonly directory: string
  readonly requests: SeenRequest[]
  /** Connections accepted. */
  readonly connections: number
  /** Writes a kubeconfig for this server. Plain HTTP needs `insecure-skip-tls-verify`. */
  kubeconfig(user?: object, options?: { readonly path?: string; readonly namespace?: string }): string
  /** Closes the connections that wait for a request, as a server does that has been idle for long. */
  closeIdle(): void
  close(): Promise<void>
}

export async function startScriptedApiServer(
  answer: (request: SeenRequest, response: ServerResponse) => void,
): Promise<ScriptedApiServer> {
  const directory = mkdtempSync(join(tmpdir(), 'scripted-api-server-'))
  const requests: SeenRequest[] = []
  let connections = 0
  let files = 0
  const server = createServer((incoming, response) => {
    let body = ''
    incoming.setEncoding('utf8')
    incoming.on('data', (chunk: string) => (body += chunk))
    incoming.on('end', () => {
      const request = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body }
      requests.push(request)
      answer(request, response)
    })
  })
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    directory,
    requests,
    get connections() {
      return connections
    },
    kubeconfig(user = {}, { path = '', namespace } = {}) {
      files += 1
      const file = join(directory, `${files}.kubeconfig`)
      const cluster = { server: `${url}${path}`, 'insecure-skip-tls-verify': true }
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        contexts: [
          { name: 'first', context: { cluster: 'c', user: 'u', namespace } },
          { name: 'second', context: { cluster: 'c', user: 'u', namespace: 'second' } },
        ],
        'current-context': 'first',
      }
      writeFileSync(file, JSON.stringify(config))
      return file
    },
    closeIdle: () => server.closeIdleConnections(),
    async close() {
      server.closeAllConnections()
      await once(server.close(), 'close')
      rmSync(directory, { recursive: true })
    },
  }
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}
