import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { ListenAddress } from '../config.ts'
import { EnvironmentError } from '../errors.ts'

export interface HealthServer {
  readonly address: ListenAddress
  close(): void
}

/** Probes come one by one; whoever opens more only waits. */
const maxConnections = 32
const timeoutMs = 5000

/** Probes and metrics, for GET only: nothing here is secret and nothing can be changed. `unready` names what is missing. */
export async function startHealthServer(
  { host, port }: ListenAddress,
  ports: { readonly metrics: Registry; readonly unready: () => readonly string[] },
): Promise<HealthServer> {
  const server = createServer({ requestTimeout: timeoutMs, headersTimeout: timeoutMs }, (request, response) => {
    answer(ports, request, response).catch(() => response.destroy())
  })
  server.maxConnections = maxConnections
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new EnvironmentError('ERR_ENVIRONMENT', `cannot listen on ${host} port ${port}: ${code ?? 'unknown'}`)
  }
  return { address: { host, port: boundPort(server, port) }, close: () => close(server) }
}

async function answer(
  { metrics, unready }: { readonly metrics: Registry; readonly unready: () => readonly string[] },
  { method, url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const say = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
  }
  if (method !== 'GET') return say(405, 'GET only\n')
  switch (url) {
    case '/livez':
      return say(200, 'ok\n')
    case '/readyz': {
      const missing = unready()
      return missing.length === 0 ? say(200, 'ok\n') : say(503, `${missing.join('\n')}\n`)
    }
    case '/metrics':
      return say(200, await metrics.metrics(), metrics.contentType)
    default:
      return say(404, 'not found\n')
  }
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}

function boundPort(server: Server, asked: number): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : asked
}
