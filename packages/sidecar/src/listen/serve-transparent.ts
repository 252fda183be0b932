import type { Server, Socket } from 'node:net'
import type { BypassJournal } from '../bypass/bypass-journal.ts'
import type { SocketOwner } from '../bypass/socket-owner.ts'
import type { ConnectionServer } from '../detect/connection-server.ts'
import type { Origin } from '../detect/route.ts'
import type { SyntheticPool } from '../names/synthetic-pool.ts'
import { isLoopback } from '../upstream/address-bytes.ts'
import type { Destination, OriginalDestination } from './original-destination.ts'

/** Serves redirected connections: where they were going tells the name. */
export function serveTransparent(
  server: Server,
  ports: {
    readonly pool: SyntheticPool
    readonly connections: ConnectionServer
    readonly originalDestination: OriginalDestination
    readonly journal: BypassJournal
    readonly ownerOf: SocketOwner
  },
): void {
  const { pool, connections, originalDestination, journal, ownerOf } = ports
  const accept = (socket: Socket): void => {
    const destination = originalDestination(socket)
    // The redirect leaves loopback alone: who arrives from there dialled the listener itself.
    if (destination === undefined || isLoopback(destination.address)) {
      const { remoteAddress: address, remotePort: port } = socket
      journal.attempted({ vector: 'listener', uid: ownerOf('tcp', { address, port })?.uid })
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
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
