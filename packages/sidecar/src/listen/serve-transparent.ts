import { isIP, type Server, type Socket } from 'node:net'
import { errorText } from '@chaperone/core'
import type { ConnectionServer } from '../detect/connection-server.ts'
import type { Origin } from '../detect/route.ts'
import { createTokenBucket } from '../dns/token-bucket.ts'
import type { Engine } from '../engine/engine.ts'
import type { SyntheticPool } from '../names/synthetic-pool.ts'
import { addressBytes } from '../upstream/address-bytes.ts'
import type { Destination, OriginalDestination } from './original-destination.ts'

/** Records that somebody may cause by connecting to the listener itself. */
const bypassRecords = { perSecond: 0.1, burst: 10 } as const

/** Serves redirected connections: where they were going tells the name. */
export function serveTransparent(
  server: Server,
  ports: {
    readonly engine: Engine
    readonly pool: SyntheticPool
    readonly connections: ConnectionServer
    readonly originalDestination: OriginalDestination
  },
): void {
  const { engine, pool, connections, originalDestination } = ports
  const bucket = createTokenBucket(engine.clock, bypassRecords)
  const accept = (socket: Socket): void => {
    const destination = originalDestination(socket)
    if (destination === undefined || isLoopback(destination.address)) {
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
      if (bucket.take()) recordBypass(engine)
      return
    }
    const origin = originOf(destination, pool)
    if (origin.nameFrom === 'address') socket.once('close', pool.hold(origin.target.host))
    connections.serve(socket, origin)
  }
  server.on('connection', accept)
}

/** A synthetic address stands for a name; any other address, also a forgotten one, for nothing but itself. */
export function originOf({ address, port }: Destination, pool: SyntheticPool): Origin {
  const known = pool.nameAt(address)
  if (known === undefined) return { target: { host: address, port }, nameFrom: 'literal', aliases: [] }
  return { target: { host: known.name, port }, nameFrom: 'address', aliases: known.aliases }
}

/** The redirect leaves loopback alone: who arrives from there dialled the listener itself. */
function isLoopback(address: string): boolean {
  const bytes = addressBytes(address)
  return isIP(address) === 6 && bytes.length === 16
    ? bytes.every((byte, at) => byte === (at === 15 ? 1 : 0))
    : bytes[0] === 127
}

function recordBypass(engine: Engine): void {
  engine.recorder
    .append('bypass.attempt', {
      'chaperone.decision': 'deny',
      'chaperone.message': 'a connection was made to the listener of the sidecar itself',
    })
    .catch((error: unknown) => engine.log.warn({ error: errorText(error) }, 'an attempt to go around was not recorded'))
}
