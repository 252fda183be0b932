import type { Driver } from '../drivers.ts'
import type { ClientConnection, Engine } from '../engine/engine.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { acceptClient } from './accept-client.ts'
import { serveAgentSession } from './agent-session.ts'
import { createCancelRequests } from './cancel-requests.ts'
import { closeSoon } from './frames.ts'
import { postgresTimeouts, type PostgresTimeouts } from './limits.ts'
import { allowsLogin } from './login-permit.ts'
import { ConnectionRefused, refuseConnection } from './refuse-connection.ts'

/** PostgreSQL 3.x: simple and extended protocol, COPY, both directions. */
export function createPostgresDriver(
  engine: Engine,
  tls: TlsTerminator,
  timeouts: PostgresTimeouts = postgresTimeouts,
): Driver {
  const open = new Map<AbortController, ClientConnection>()
  const cancels = createCancelRequests(engine)
  // Of what runs in a session, the session itself takes care.
  const stopListening = engine.policy.subscribe(() => {
    for (const [each, { target }] of open) if (!allowsLogin(engine, target)) each.abort()
  })

  const serve = async (connection: ClientConnection, signal: AbortSignal): Promise<void> => {
    let client = connection.socket
    try {
      const ports = { tls, clock: engine.clock, startupMs: timeouts.startupMs }
      const opening = await acceptClient(connection.socket, connection.target.host, ports)
      if (opening.kind !== 'closed') client = opening.client
      switch (opening.kind) {
        case 'closed':
          break
        case 'malformed':
          throw new ConnectionRefused({ kind: 'refuse', reason: 'Unparseable', message: opening.message })
        case 'cancel':
          await cancels.perform(opening, AbortSignal.any([signal, AbortSignal.timeout(timeouts.loginMs)]))
          break
        case 'session':
          await serveAgentSession({ engine, connection, opening, cancels, timeouts, signal })
      }
    } catch (error) {
      // Who has left is told nothing, and was not refused.
      if (!signal.aborted) refuseConnection(engine, connection, client, error)
    } finally {
      closeSoon(client, timeouts.lingerMs)
    }
  }

  return {
    serve(connection) {
      const { socket } = connection
      const ended = new AbortController()
      open.set(ended, connection)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => ended.abort())
      ended.signal.addEventListener('abort', () => socket.destroy(), { once: true })
      void serve(connection, ended.signal).finally(() => open.delete(ended))
    },
    async close(graceMs) {
      stopListening()
      const deadline = engine.clock.elapsedMs() + graceMs
      while (open.size > 0 && engine.clock.elapsedMs() < deadline) await engine.clock.sleep(50)
      for (const each of open.keys()) each.abort()
    },
  }
}
