import type { Duplex } from 'node:stream'
import { errorText, type Target } from '@chaperone/core'
import { loadSqlParser, type SqlClassifier } from '@chaperone/policy'
import { postgres, WireError } from '@chaperone/wire'
import type { Driver } from '../drivers.ts'
import { credentialName, type ClientConnection, type Engine, type Refusal } from '../engine/engine.ts'
import { CredentialError, UpstreamError } from '../errors.ts'
import { postgresRefusal } from '../rescue/postgres.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { acceptClient, type Opening } from './accept-client.ts'
import { createCatalog } from './catalog.ts'
import { createClientSession } from './client-session.ts'
import { createFrameReader, type FrameReader } from './frames.ts'
import { loginTimeoutMs, maxCancelKeys } from './limits.ts'
import { createServerPump } from './server-pump.ts'
import { startupParameters } from './startup-parameters.ts'
import { LoginRefused, loginUpstream, type Login, type UpstreamSession } from './upstream-login.ts'

interface CancelTarget {
  readonly target: Target
  readonly cidrs: readonly string[] | undefined
  readonly key: { readonly processId: number; readonly secretKey: Buffer }
}

/** PostgreSQL 3.x: simple and extended protocol, both directions. */
export function createPostgresDriver(engine: Engine, tls: TlsTerminator): Driver {
  const open = new Set<AbortController>()
  const cancelTargets = new Map<string, CancelTarget>()
  let parser: Promise<SqlClassifier> | undefined
  const stopListening = engine.policy.subscribe((policy) => {
    const closed = policy === undefined || policy.source.suspended || policy.source.unresolved.length > 0
    if (closed) for (const each of open) each.abort()
  })

  const cancel = async ({ processId, secretKey }: Extract<Opening, { kind: 'cancel' }>): Promise<void> => {
    // Only sessions that we serve can be cancelled: the key names one of them.
    const found = cancelTargets.get(cancelKey(processId, secretKey))
    if (found === undefined) return
    const socket = await engine.upstream.connect(found.target, {
      ...(found.cidrs === undefined ? {} : { cidrs: found.cidrs }),
      signal: AbortSignal.timeout(loginTimeoutMs),
    })
    socket.end(postgres.encodeCancelRequest(found.key.processId, found.key.secretKey))
  }

  const serveSession = async (
    connection: ClientConnection,
    opening: Extract<Opening, { kind: 'session' }>,
    ended: AbortController,
  ): Promise<void> => {
    const { client } = opening
    const reader = createFrameReader(client, opening.rest)
    const login = await prepareLogin(engine, connection, opening, reader)
    if ('kind' in login) return void client.end(postgresRefusal(login, 'FATAL'))
    const sql = await (parser ??= loadSqlParser())
    const session = await loginUpstream(
      engine,
      login,
      AbortSignal.any([ended.signal, AbortSignal.timeout(loginTimeoutMs)]),
    )
    ended.signal.addEventListener('abort', () => session.stream.destroy(), { once: true })
    const database = login.parameters.get('database') ?? ''
    const user = login.parameters.get('user') ?? ''
    const about = {
      'chaperone.connection.id': connection.id,
      'db.system.name': 'postgresql',
      'db.namespace': database,
      'server.address': connection.target.host,
      'server.port': connection.target.port,
    }
    await engine.recorder.append('connection.opened', about)
    const catalog = createCatalog(() => loginUpstream(engine, login, AbortSignal.timeout(loginTimeoutMs)))
    const key =
      session.key === undefined
        ? undefined
        : rememberKey(cancelTargets, { target: login.target, cidrs: login.cidrs, key: session.key })
    try {
      greet(client, session)
      const pump = createServerPump({ engine, client, session, catalog, connectionId: connection.id })
      const agent = createClientSession({
        engine,
        sql,
        client,
        reader,
        session,
        pump,
        connectionId: connection.id,
        target: login.target,
        database,
        user,
        signal: ended.signal,
      })
      await Promise.race([pump.run(), agent.run()])
    } finally {
      catalog.close()
      if (key !== undefined) cancelTargets.delete(key)
      session.stream.destroy()
      client.end()
      await engine.recorder.append('connection.closed', about)
    }
  }

  const serve = async (connection: ClientConnection): Promise<void> => {
    const ended = new AbortController()
    open.add(ended)
    connection.socket.on('error', () => connection.socket.destroy())
    connection.socket.once('close', () => ended.abort())
    ended.signal.addEventListener('abort', () => connection.socket.destroy(), { once: true })
    let client: Duplex = connection.socket
    try {
      const opening = await acceptClient(connection.socket, connection.target.host, tls)
      if (opening === undefined) return void connection.socket.destroy()
      if (opening.kind === 'cancel') {
        await cancel(opening)
        return void connection.socket.end()
      }
      client = opening.client
      await serveSession(connection, opening, ended)
    } catch (error) {
      await refuse(engine, connection, client, error)
    } finally {
      open.delete(ended)
    }
  }

  return {
    serve: (connection) => void serve(connection),
    async close(graceMs) {
      stopListening()
      const deadline = engine.clock.elapsedMs() + graceMs
      while (open.size > 0 && engine.clock.elapsedMs() < deadline) await engine.clock.sleep(50)
      for (const each of open) each.abort()
    },
  }
}

/** What logging in takes by policy, or why there is no login. */
async function prepareLogin(
  engine: Engine,
  connection: ClientConnection,
  opening: Extract<Opening, { kind: 'session' }>,
  reader: FrameReader,
): Promise<Login | Refusal> {
  const policy = engine.policy.current
  if (policy === undefined)
    return { kind: 'refuse', reason: 'PolicyUnavailable', message: 'no policy has been loaded yet' }
  const login = policy.login(connection.target, 'Postgres')
  if (login === undefined) {
    await engine.recorder.append('connection.blocked', {
      'chaperone.connection.id': connection.id,
      'server.address': connection.target.host,
      'server.port': connection.target.port,
      'chaperone.decision': 'deny',
      'chaperone.reason': 'NoRuleMatched',
      'network.protocol.name': 'postgresql',
    })
    return {
      kind: 'refuse',
      reason: 'NoRuleMatched',
      message: `no rule of AgentSession "${policy.source.session.name}" allows PostgreSQL at ${connection.target.host}:${connection.target.port}`,
    }
  }
  const user = login.credential?.username ?? opening.parameters.get('user') ?? ''
  const { parameters, refused } = startupParameters(opening.parameters, user)
  if (refused.length > 0)
    return {
      kind: 'refuse',
      reason: 'Unparseable',
      message: `start-up parameter ${refused.join(', ')} is not supported`,
    }
  const { credential } = login
  opening.client.on('error', () => opening.client.destroy())
  const password = async (): Promise<string> => {
    if (credential === undefined) return askPassword(opening.client, reader)
    const value = await engine.credentials.read(credential)
    await engine.recorder.append('credential.injected', {
      'chaperone.connection.id': connection.id,
      'chaperone.credential.ref': credentialName(credential),
    })
    return value.trimEnd()
  }
  return { target: connection.target, cidrs: login.cidrs, parameters, password }
}

/** The agent has a password of its own; it is asked for in clear, inside TLS or inside the pod. */
async function askPassword(client: Duplex, reader: FrameReader): Promise<string> {
  client.write(postgres.frame('R', Buffer.of(0, 0, 0, postgres.authentication.cleartext)))
  const frame = await reader.next()
  if (frame?.type !== 'p') throw new WireError('ERR_WIRE_MALFORMED', 'login: expected a password message')
  return postgres.decodeQuerySql(frame)
}

function greet(client: Duplex, { greeting, key }: UpstreamSession): void {
  client.write(
    Buffer.concat([
      postgres.encodeAuthenticationOk(),
      ...greeting,
      ...(key === undefined ? [] : [postgres.encodeBackendKey(key.processId, key.secretKey)]),
      postgres.encodeReadyForQuery('I'),
    ]),
  )
}

const cancelKey = (processId: number, secretKey: Buffer): string => `${processId}:${secretKey.toString('hex')}`

function rememberKey(targets: Map<string, CancelTarget>, target: CancelTarget): string {
  const key = cancelKey(target.key.processId, target.key.secretKey)
  if (targets.size >= maxCancelKeys) targets.clear()
  targets.set(key, target)
  return key
}

async function refuse(engine: Engine, connection: ClientConnection, client: Duplex, error: unknown): Promise<void> {
  if (error instanceof LoginRefused) return void client.end(error.response)
  const reason =
    error instanceof UpstreamError
      ? error.reason
      : error instanceof CredentialError
        ? 'CredentialUnavailable'
        : error instanceof WireError
          ? 'Unparseable'
          : 'UpstreamUnreachable'
  engine.log.warn(
    { connection: connection.id, host: connection.target.host, error: errorText(error) },
    'postgres connection failed',
  )
  const message =
    error instanceof UpstreamError || error instanceof CredentialError || error instanceof WireError
      ? error.message
      : 'the connection to the server broke off'
  if (!client.destroyed) client.end(postgresRefusal({ kind: 'refuse', reason, message }, 'FATAL'))
  await engine.recorder
    .append('connection.blocked', {
      'chaperone.connection.id': connection.id,
      'server.address': connection.target.host,
      'server.port': connection.target.port,
      'chaperone.reason': reason,
      'network.protocol.name': 'postgresql',
    })
    .catch(() => undefined)
}
