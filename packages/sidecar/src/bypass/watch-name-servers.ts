import { Socket as UdpSocket } from 'node:dgram'
import type { Server } from 'node:net'
import type { Destination, OriginalDestination } from '../listen/original-destination.ts'
import { addressBytes, isLoopback } from '../upstream/address-bytes.ts'
import type { BypassJournal } from './bypass-journal.ts'
import type { SocketOwner } from './socket-owner.ts'

/**
 * Reports questions that were meant for others than the name servers of the pod. Where a datagram was meant to go is known
 * only of sockets that are connected, as those of C libraries are.
 */
export function watchNameServers(
  listener: Server | UdpSocket,
  ports: {
    readonly nameservers: readonly string[]
    readonly journal: BypassJournal
    readonly ownerOf: SocketOwner
    readonly originalDestination: OriginalDestination
  },
): void {
  const { journal, ownerOf, originalDestination } = ports
  const expected = new Set(ports.nameservers.map(bytesOf))
  const look = (destination: Destination | undefined, uid: () => number | undefined): void => {
    if (destination === undefined || isLoopback(destination.address) || expected.has(bytesOf(destination.address)))
      return
    journal.attempted({ vector: 'dns', destination, uid: uid() })
  }
  if (listener instanceof UdpSocket)
    listener.on('message', (_, { address, port }) => {
      const sender = ownerOf('udp', { address, port })
      look(sender?.remote, () => sender?.uid)
    })
  else
    listener.on('connection', (socket) => {
      const { remoteAddress: address, remotePort: port } = socket
      look(originalDestination(socket), () => ownerOf('tcp', { address, port })?.uid)
    })
}

const bytesOf = (address: string): string => Buffer.from(addressBytes(address)).toString('hex')
