import type { Socket as UdpSocket } from 'node:dgram'
import { errorText, type Clock } from '@chaperone/core'
import type { Logger } from 'pino'
import { createTokenBucket } from '../dns/token-bucket.ts'
import type { Destination } from '../listen/original-destination.ts'
import { isLoopback } from '../upstream/address-bytes.ts'
import type { BypassJournal } from './bypass-journal.ts'
import type { SocketOwner } from './socket-owner.ts'

/** Datagrams that are looked at. The rest of the second the sink is deaf, so that a flood costs no more. */
const looks = { perSecond: 4, burst: 16 } as const
const deafMs = 1000
/** What waits in the kernel meanwhile; the first datagram of a QUIC connection fits (RFC 9000 §14.1). */
const receiveBufferBytes = 4096

/** Reports who sends datagrams that the guard leads here. Who sends them to the sink itself does not try to leave. */
export function reportSenders(
  vector: 'quic' | 'udp',
  { journal, ownerOf }: { readonly journal: Pick<BypassJournal, 'attempted'>; readonly ownerOf: SocketOwner },
): (sender: Destination) => void {
  return (sender) => {
    const socket = ownerOf('udp', sender)
    if (socket?.remote !== undefined && isLoopback(socket.remote.address)) return
    journal.attempted({ vector, uid: socket?.uid, destination: socket?.remote })
  }
}

/**
 * Meets the datagrams that the guard leads here instead of dropping them, and tells who sent them; what they carry is not
 * looked at and goes nowhere. Deaf is a socket that is connected to itself: the kernel then refuses what others send, who
 * learn so (ECONNREFUSED), and nobody else can take the port. It must be bound to a port of our choice: one of the kernel's is
 * given back when the socket is connected no longer.
 */
export function serveDatagramSink(
  socket: UdpSocket,
  onDatagram: (sender: Destination) => void,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): void {
  const bucket = createTokenBucket(clock, looks)
  const { address, port } = socket.address()
  let isDeaf = false
  const deafen = async (): Promise<void> => {
    isDeaf = true
    try {
      await new Promise<void>((resolve) => socket.connect(port, address, resolve))
      await clock.sleep(deafMs)
      socket.disconnect()
    } catch (error) {
      log.debug({ error: errorText(error) }, 'a sink was closed while it was deaf')
    }
    isDeaf = false
  }
  socket.setRecvBufferSize(receiveBufferBytes)
  socket.on('message', (_, sender) => {
    if (isDeaf) return
    if (bucket.take()) onDatagram({ address: sender.address, port: sender.port })
    else void deafen()
  })
  socket.on('error', (error) => log.warn({ error: errorText(error) }, 'a sink of datagrams'))
}
