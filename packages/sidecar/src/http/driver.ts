import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { errorText } from '@chaperone/core'
import type { Driver, SniffedHello } from '../drivers.ts'
import type { ClientConnection, Engine } from '../engine/engine.ts'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { serveUpgrade } from '../websocket/serve-upgrade.ts'
import { isAbsolute } from './request-head.ts'
import { serveExchange, type ExchangeContext, type OpenExchange } from './exchange.ts'
import { limitSession } from './http2-timeouts.ts'
import { clientTimeouts, maxHeadBytes, maxHeaders, maxStreams, type ClientTimeouts } from './limits.ts'
import type { Answer, ServerRequest } from './message.ts'
import { createUpstreamPools } from './upstream-pools.ts'

/** HTTP/1.1 and HTTP/2, with or without TLS: Node's own strict parsers in front, undici behind. */
export function createHttpDriver(
  engine: Engine,
  tls: TlsTerminator,
  timeouts: ClientTimeouts = clientTimeouts,
): Driver {
  const pools = createUpstreamPools(engine.upstream)
  const contexts = new WeakMap<object, ExchangeContext>()
  const sockets = new Set<Duplex>()
  const open = new Set<OpenExchange>()

  const exchange = (context: ExchangeContext | undefined, request: ServerRequest, answer: Answer): void => {
    if (context === undefined) return void answer.destroy()
    void serveExchange(context, request, answer)
  }
  const http1 = createHttp1({
    maxHeaderSize: maxHeadBytes,
    headersTimeout: timeouts.headMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    connectionsCheckingInterval: timeouts.checkMs,
    requireHostHeader: true,
    insecureHTTPParser: false,
  })
  http1.maxHeadersCount = maxHeaders
  // Node starts to look at its time limits when a server listens, and this one is handed its connections.
  http1.emit('listening')
  const onHttp1 = (request: IncomingMessage, answer: ServerResponse) => {
    // The next request that a proxy is sent may be for another host, and a connection here is for one.
    if (isAbsolute(request)) answer.shouldKeepAlive = false
    exchange(contexts.get(request.socket), request, answer)
  }
  http1.on('request', onHttp1)
  // The client is told to go on only when the verdict is in.
  http1.on('checkContinue', onHttp1)
  http1.on('checkExpectation', onHttp1)
  http1.on('connect', (_request: IncomingMessage, socket: Duplex) =>
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
  )
  http1.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    const context = contexts.get(request.socket)
    if (context === undefined) socket.destroy()
    else void serveUpgrade(context, request, socket, first)
  })
  http1.on(
    'clientError',
    (error: NodeJS.ErrnoException, socket: Duplex) => void refuseMalformed(engine, contexts.get(socket), error, socket),
  )

  const http2 = createHttp2({
    settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeadBytes, enableConnectProtocol: false },
    maxSessionInvalidFrames: 100,
  })
  let accepting: ExchangeContext | undefined
  http2.on('session', (session: ServerHttp2Session) => {
    if (accepting !== undefined) contexts.set(session, accepting)
    limitSession(session, timeouts)
    session.on('error', () => undefined)
  })
  const onHttp2 = (request: Http2ServerRequest, answer: Http2ServerResponse) =>
    exchange(
      request.stream.session === undefined ? undefined : contexts.get(request.stream.session),
      request,
      answer as unknown as Answer,
    )
  http2.on('request', onHttp2)
  http2.on('checkContinue', onHttp2)

  const stopListening = engine.policy.subscribe(() => {
    pools.retire()
    for (const each of open) if (each.objection() !== undefined) each.cut()
  })

  /** Node's servers take over a byte stream that already speaks the chosen version. */
  const take = (socket: Duplex, version: 'h2' | 'http/1.1', context: ExchangeContext): void => {
    contexts.set(socket, context)
    if (version === 'http/1.1') return void http1.emit('connection', socket)
    // Half of a connection is of no use to HTTP/2, and node:http2 would not notice that the client is gone.
    socket.once('end', () => socket.destroy())
    accepting = context
    http2.emit('connection', socket)
    accepting = undefined
  }

  return {
    serve(connection, hello) {
      track(sockets, connection.socket)
      const context: ExchangeContext = {
        engine,
        pools,
        connection,
        timeouts,
        open,
        tls: hello === undefined ? undefined : hello.serverName === undefined ? {} : { serverName: hello.serverName },
      }
      if (hello !== undefined)
        void terminate({ engine, tls, timeouts }, { connection, hello }, (socket, version) =>
          take(socket, version, context),
        )
      else take(connection.socket, connection.http2 === true ? 'h2' : 'http/1.1', context)
    },
    async close(graceMs) {
      stopListening()
      // Also stops looking at time limits.
      http1.close()
      const deadline = engine.clock.elapsedMs() + graceMs
      while (open.size > 0 && engine.clock.elapsedMs() < deadline) await engine.clock.sleep(50)
      for (const socket of sockets) socket.destroy()
      await pools.close()
    },
  }
}

const untrustedMessage =
  'the client ended the TLS handshake: it may not trust the certificates of Chaperone, or pin those of the server'

/** Speaks TLS as the server the client named; ALPN chooses the version. */
async function terminate(
  { engine, tls, timeouts }: { engine: Engine; tls: TlsTerminator; timeouts: ClientTimeouts },
  { connection, hello }: { connection: ClientConnection; hello: SniffedHello },
  take: (socket: TLSSocket, version: 'h2' | 'http/1.1') => void,
): Promise<void> {
  const expiry = setTimeout(() => connection.socket.destroy(), timeouts.handshakeMs)
  connection.socket.once('close', () => clearTimeout(expiry))
  try {
    const secureContext = await tls.contextFor(hello.serverName ?? connection.target.host)
    const socket = new TLSSocket(connection.socket, {
      isServer: true,
      secureContext,
      ALPNProtocols: ['h2', 'http/1.1'],
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      engine.recorder
        .append('connection.blocked', {
          'chaperone.connection.id': connection.id,
          'server.address': connection.target.host,
          'server.port': connection.target.port,
          'chaperone.reason': 'ClientTlsFailed',
          'chaperone.message': untrustedMessage,
          'error.type': error.code ?? 'tls',
        })
        .catch((unrecorded: unknown) =>
          engine.log.warn({ connection: connection.id, error: errorText(unrecorded) }, 'a refusal was not recorded'),
        )
      engine.refusedCertificates.add(connection.target, error.code)
      connection.socket.destroy()
    })
    socket.once('secure', () => {
      clearTimeout(expiry)
      socket.removeAllListeners('error')
      socket.on('error', () => socket.destroy())
      // Only a tls.Server clears this flag, and node:http2 waits for it.
      Object.assign(socket, { secureConnecting: false })
      take(socket, socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1')
    })
  } catch (error) {
    engine.log.error({ connection: connection.id, error: errorText(error) }, 'no certificate for the client')
    connection.socket.destroy()
  }
}

/** Node's codes that have a status of their own (RFC 9110 §15.5.9, RFC 6585 §5). */
const malformed: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

async function refuseMalformed(
  engine: Engine,
  context: ExchangeContext | undefined,
  error: NodeJS.ErrnoException,
  socket: Duplex,
): Promise<void> {
  const isFirst = socket.writable
  // Nothing may be written into an answer that is on its way.
  const isAnswering = context !== undefined && [...context.open].some((each) => each.connection === context.connection)
  if (isFirst && !isAnswering)
    socket.end(
      `HTTP/1.1 ${malformed[error.code ?? ''] ?? '400 Bad Request'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    )
  else socket.destroy()
  if (!isFirst) return
  // A client that hangs up in the middle of nothing is not worth a record.
  if (context === undefined || error.code === 'ECONNRESET') return
  const { id, target } = context.connection
  await engine.recorder
    .append('connection.blocked', {
      'chaperone.connection.id': id,
      'server.address': target.host,
      'server.port': target.port,
      'chaperone.decision': 'deny',
      'chaperone.reason': 'Unparseable',
      'error.type': error.code ?? 'http',
    })
    .catch(() => undefined)
}

function track(sockets: Set<Duplex>, socket: Duplex): void {
  sockets.add(socket)
  socket.on('error', () => socket.destroy())
  socket.once('close', () => sockets.delete(socket))
}
