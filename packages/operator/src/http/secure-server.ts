import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Certificates } from '../certs/desired.ts'

/** Node's default of 5 s races the pooled connections of API servers. */
const keepAliveTimeoutMs = 90_000
const headersTimeoutMs = 32_000

export interface SecureServer {
  listen(port: number): Promise<void>
  /** New connections get these; open ones go on. */
  reload(certificates: Certificates): void
  /** Answers what comes with `Connection: close`, so that pooled connections move on, then closes. */
  drain(): Promise<void>
}

/** An HTTPS server whose certificate changes without a failed call. */
export function createSecureServer(certificates: Certificates, listener: RequestListener): SecureServer {
  let draining = false
  const server: Server = createServer(
    {
      ...contextOf(certificates),
      minVersion: 'TLSv1.2',
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: headersTimeoutMs,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      if (draining) response.setHeader('connection', 'close')
      listener(request, response)
    },
  )
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, resolve)
      }),
    reload: (next) => server.setSecureContext(contextOf(next)),
    async drain() {
      draining = true
      server.closeIdleConnections()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

const contextOf = ({ certificate, key }: Certificates) => ({ cert: certificate, key })
