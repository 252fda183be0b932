import type { Socket } from 'node:net'
import { errorText, type DenialReason } from '@chaperone/core'
import type { SocketOwner } from '../bypass/socket-owner.ts'
import { createTokenBucket } from '../dns/token-bucket.ts'
import type { Drivers, SniffedHello } from '../drivers.ts'
import type { ClientConnection, Engine } from '../engine/engine.ts'
import { routeConnection, type Origin, type Route } from './route.ts'
import { sniff } from './sniff.ts'

/** What happens to a connection whose destination is known by name. */
export interface ConnectionServer {
  serve(socket: Socket, origin: Origin): void
  readonly open: number
}

export interface ConnectionServerPorts {
  readonly engine: Engine
  readonly drivers: Drivers
  /** Answers `verify`, which presents itself with a name of its own. */
  readonly probe: (socket: Socket, hello: SniffedHello) => void
  readonly ownerOf: SocketOwner
}

/** All connections of a pod together; each costs some 50 KiB once TLS is in play. */
export const maxConnections = 2048
const connectionIdBytes = 8
/** Records that an agent may cause by opening more than it may. */
const limitRecords = { perSecond: 0.1, burst: 10 } as const

export function createConnectionServer(ports: ConnectionServerPorts): ConnectionServer {
  const { engine } = ports
  const bucket = createTokenBucket(engine.clock, limitRecords)
  let open = 0
  return {
    get open() {
      return open
    },
    serve(socket, origin) {
      socket.on('error', () => socket.destroy())
      const id = Buffer.from(engine.random.bytes(connectionIdBytes)).toString('hex')
      if (open >= maxConnections) {
        // Before the record, which costs more: whose it was is not looked for among thousands.
        socket.resetAndDestroy()
        if (bucket.take())
          recordRefusal(ports, socket, origin, {
            id,
            reason: 'LimitExceeded',
            message: `${maxConnections} connections are open`,
          })
        return
      }
      open += 1
      socket.once('close', () => (open -= 1))
      serveConnection(ports, socket, origin, id).catch((error: unknown) => {
        engine.log.error({ connection: id, error: errorText(error) }, 'connection failed')
        socket.destroy()
      })
    },
  }
}

async function serveConnection(
  ports: ConnectionServerPorts,
  socket: Socket,
  origin: Origin,
  id: string,
): Promise<void> {
  const { engine, drivers } = ports
  const { target, nameFrom, aliases } = origin
  const standing = engine.policy.current?.destination(target.host, target.port)
  const protocols = standing?.kind === 'named' ? standing.protocols : []
  // Where rules speak of one protocol that is not HTTP, its driver also deals with whoever speaks another.
  if (protocols.length === 1 && protocols[0] === 'Postgres' && drivers.Postgres !== undefined) {
    recordLife(engine, socket, { id, target, protocol: 'Postgres' })
    return drivers.Postgres.serve({ id, socket, target, nameFrom, aliases })
  }
  const route = routeConnection(await sniff(socket), origin, {
    isNamed: (host, port) => engine.policy.current?.destination(host, port).kind === 'named',
    passesUnread: (at) => engine.policy.peek({ protocol: 'TLS', target: at }).kind === 'allow',
  })
  switch (route.kind) {
    case 'drive':
      return drive(ports, socket, origin, { ...route, id })
    case 'probe':
      return ports.probe(socket, route.hello)
    case 'refuse':
      return refuse(ports, socket, origin, { ...route, id })
    case 'drop':
      return void socket.destroy()
  }
}

function drive(
  ports: ConnectionServerPorts,
  socket: Socket,
  { nameFrom, aliases }: Origin,
  route: Extract<Route, { kind: 'drive' }> & { readonly id: string },
): void {
  const { engine, drivers } = ports
  const { id, protocol, target, hello, http2 } = route
  const driver = drivers[protocol]
  if (driver === undefined) {
    const message = `${protocol} is not supported`
    return refuse(ports, socket, { target, nameFrom, aliases }, { kind: 'refuse', reason: 'Unparseable', message, id })
  }
  recordLife(engine, socket, { id, target, protocol })
  const connection: ClientConnection = { id, socket, target, nameFrom, aliases, ...(http2 === true ? { http2 } : {}) }
  driver.serve(connection, hello)
}

/** Says no as far as bytes that are no protocol of ours allow: an alert in TLS, a reset elsewhere. */
function refuse(
  ports: ConnectionServerPorts,
  socket: Socket,
  origin: Origin,
  refusal: Extract<Route, { kind: 'refuse' }> & { readonly id: string },
): void {
  recordRefusal(ports, socket, origin, refusal)
  if (refusal.alert === undefined) return void socket.resetAndDestroy()
  socket.end(fatalAlert(refusal.alert), () => socket.destroy())
}

function recordRefusal(
  { engine: { recorder, log }, ownerOf }: ConnectionServerPorts,
  { remoteAddress: address, remotePort: port }: Socket,
  { target }: Origin,
  { id, reason, message }: { readonly id: string; readonly reason: DenialReason; readonly message: string },
): void {
  recorder
    .append('connection.blocked', {
      'chaperone.connection.id': id,
      'server.address': target.host,
      'server.port': target.port,
      'process.user.id': ownerOf('tcp', { address, port })?.uid,
      'chaperone.decision': 'deny',
      'chaperone.reason': reason,
      'chaperone.message': message,
    })
    .catch((error: unknown) => log.warn({ connection: id, error: errorText(error) }, 'a refusal was not recorded'))
}

/** A plaintext alert record (RFC 8446 §5.1, §6). */
function fatalAlert(description: number): Buffer {
  const fatal = 2
  return Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, fatal, description])
}

/** Records the opening, and the end of what has one on record; what passes between is the driver's to record. */
function recordLife(
  { recorder, policy, clock, log }: Engine,
  socket: Socket,
  { id, target, protocol }: Pick<ClientConnection, 'id' | 'target'> & { readonly protocol: string },
): void {
  if (policy.current === undefined || policy.current.source.audit.level === 'None') return
  const startedMs = clock.elapsedMs()
  const attributes = {
    'chaperone.connection.id': id,
    'server.address': target.host,
    'server.port': target.port,
    'network.protocol.name': protocol.toLowerCase(),
  }
  const unrecorded = (error: unknown): void => log.debug({ connection: id, error: errorText(error) }, 'not recorded')
  const opened = recorder.append('connection.opened', attributes)
  opened.catch(unrecorded)
  socket.once('close', () => {
    const sizes = {
      'chaperone.connection.bytes_received': socket.bytesRead,
      'chaperone.connection.bytes_sent': socket.bytesWritten,
    }
    const lasted = { 'chaperone.connection.duration_ms': clock.elapsedMs() - startedMs }
    const closed = { ...attributes, ...sizes, ...lasted }
    // The room that the log keeps for ends is for those of what it let begin; 0 is what fell into a gap.
    opened.then((seq) => (seq === 0 ? seq : recorder.append('connection.closed', closed))).catch(unrecorded)
  })
}
