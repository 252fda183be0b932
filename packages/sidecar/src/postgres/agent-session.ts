import type { Socket } from 'node:net'
import { postgres } from '@chaperone/wire'
import type { ClientConnection, Engine } from '../engine/engine.ts'
import { sqlParser } from '../engine/sql-parser.ts'
import type { Opening } from './accept-client.ts'
import type { CancelRequests } from './cancel-requests.ts'
import { createCatalog } from './catalog.ts'
import { runClientSession } from './client-session.ts'
import { closeSoon, createFrameReader } from './frames.ts'
import { createJudge } from './judge.ts'
import type { PostgresTimeouts } from './limits.ts'
import { prepareLogin } from './prepare-login.ts'
import { createPreparedNames } from './prepared-names.ts'
import { createServerPump } from './server-pump.ts'
import { loginUpstream, type UpstreamSession } from './upstream-login.ts'

export interface AgentSessionPorts {
  readonly engine: Engine
  readonly connection: ClientConnection
  readonly opening: Extract<Opening, { kind: 'session' }>
  readonly cancels: CancelRequests
  readonly timeouts: PostgresTimeouts
  /** Aborts when the client goes away, or must. */
  readonly signal: AbortSignal
}

/** One session, from the start-up message to its end at either side. Rejects with the reason it must not go on. */
export async function serveAgentSession(ports: AgentSessionPorts): Promise<void> {
  const { engine, connection, opening, timeouts, signal } = ports
  const { client } = opening
  const reader = createFrameReader(client)
  const { login, negotiation } = prepareLogin(engine, connection, opening, reader)
  if (negotiation.length > 0) client.write(negotiation)
  const sql = await sqlParser()
  const over = new AbortController()
  const logIn = (): Promise<UpstreamSession> =>
    loginUpstream(engine.upstream, login, AbortSignal.any([signal, over.signal, AbortSignal.timeout(timeouts.loginMs)]))
  const session = await logIn()
  const { stream: server, key } = session
  const names = createPreparedNames()
  const catalog = createCatalog(logIn, timeouts.catalogMs)
  const judge = createJudge({
    engine,
    sql,
    connectionId: connection.id,
    target: login.target,
    database: login.parameters.get('database') ?? '',
    user: login.parameters.get('user') ?? '',
    heldNoticeMs: timeouts.heldNoticeMs,
    tellClient: (notice) => void client.write(notice),
    signal: AbortSignal.any([signal, over.signal]),
  })
  const { target, cidrs } = login
  const forget =
    key === undefined ? undefined : ports.cancels.add({ target, cidrs, key, cancelHeld: () => judge.cancelHeld() })
  try {
    greet(client, session)
    const pump = createServerPump({
      recorder: engine.recorder,
      client,
      reader: session.reader,
      catalog,
      connectionId: connection.id,
      onTransactionEnd: () => names.forgetPortals(),
    })
    // What runs ends as soon as it would not be let through any more; a server notices at the latest when it answers.
    const cutDenied = (): void => {
      if (judge.allows(pump.replies.running)) return
      client.destroy()
      server.destroy()
    }
    over.signal.addEventListener('abort', engine.policy.subscribe(cutDenied), { once: true })
    // It may have changed since the login began.
    cutDenied()
    await Promise.race([pump.run(), runClientSession({ judge, names, pump, client, reader, server })])
  } finally {
    over.abort()
    forget?.()
    catalog.close()
    closeSoon(server, timeouts.lingerMs)
  }
}

function greet(client: Socket, { greeting, key }: UpstreamSession): void {
  client.write(
    Buffer.concat([
      postgres.encodeAuthenticationOk(),
      ...greeting,
      ...(key === undefined ? [] : [postgres.encodeBackendKey(key.processId, key.secretKey)]),
      postgres.encodeReadyForQuery('I'),
    ]),
  )
}
