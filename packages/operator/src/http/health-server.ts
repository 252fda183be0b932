import { createServer } from 'node:http'
import type { Registry } from 'prom-client'

export interface HealthPorts {
  readonly registry: Registry
  readonly isLive: () => boolean
  readonly isReady: () => Promise<boolean>
}

export interface HealthServer {
  listen(port: number): Promise<void>
  close(): Promise<void>
}

/** `/livez`, `/readyz` and `/metrics`; nothing secret, nothing writable. */
export function createHealthServer({ registry, isLive, isReady }: HealthPorts): HealthServer {
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain') =>
      void response.writeHead(status, { 'content-type': type }).end(body)
    const say = (ok: boolean) => answer(ok ? 200 : 503, ok ? 'ok\n' : 'not ready\n')
    switch (request.url) {
      case '/livez':
        return say(isLive())
      case '/readyz':
        return void isReady().then(say, () => say(false))
      case '/metrics':
        return void registry.metrics().then(
          (text) => answer(200, text, registry.contentType),
          () => answer(500, 'no metrics\n'),
        )
      default:
        return answer(404, 'not found\n')
    }
  })
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, resolve)
      }),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
