import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Clock } from '@chaperone/core'
import type { Certificates } from '../certs/desired.ts'

/** Node's default of 5 s races the pooled connections of API servers. */
const keepAliveTimeoutMs = 90_000
const headersTimeoutMs = 32_000

export interface SecureServer {
  listen(port: number): Promise<void>
  /** New connections get these; open ones go on. */
  reload(certificates: Certificates): void
  /** From now on answers say `Connection: close`, so that pooled connections move on to other replicas. */
  retire(): void
  /** Takes no new connection, answers what is under way, then closes. */
  drain(): Promise<void>
}

/** No admission call lasts longer: `timeoutSeconds` of our webhooks. */
const drainMs = 5000

/** An HTTPS server whose certificate changes without a failed call. */
export function createSecureServer(
  { certificates, clock }: { readonly certificates: Certificates; readonly clock: Clock },
  listener: RequestListener,
): SecureServer {
  let retired = false
  const unanswered = new Set<ServerResponse>()
  const sayClose = (response: ServerResponse): void => {
    if (!response.headersSent) response.setHeader('connection', 'close')
  }
  const retire = (): void => {
    retired = true
    for (const response of unanswered) sayClose(response)
  }
  const server: Server = createServer(
    {
      ...contextOf(certificates),
      minVersion: 'TLSv1.2',
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: headersTimeoutMs,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      if (retired) sayClose(response)
      unanswered.add(response)
      response.once('close', () => unanswered.delete(response))
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
    retire,
    async drain() {
      retire()
      const late = new AbortController()
      const closed = new Promise((resolve) => server.close(resolve)).finally(() => late.abort())
      await Promise.race([closed, clock.sleep(drainMs, late.signal).catch(() => undefined)])
      server.closeAllConnections()
      await closed
    },
  }
}

const contextOf = ({ certificate, key }: Certificates) => ({ cert: certificate, key })
