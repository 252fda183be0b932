import type { Socket as UdpSocket } from 'node:dgram'
import type { Server, Socket } from 'node:net'
import { errorText } from '@chaperone/core'
import { dns, WireError } from '@chaperone/wire'
import type { Logger } from 'pino'
import type { DnsResponder } from './dns-responder.ts'

/** Resolvers use TCP for what does not fit, which nothing here does; few need it at once. */
const maxTcpConnections = 64
const tcpIdleMs = 10_000

export function serveDnsOverUdp(socket: UdpSocket, respond: DnsResponder, log: Logger): void {
  socket.on('message', (message, peer) => {
    const response = respond(message, 'udp')
    if (response === undefined) return
    socket.send(response, peer.port, peer.address, (error) => {
      if (error !== null) log.debug({ error: errorText(error) }, 'a DNS answer was not sent')
    })
  })
  socket.on('error', (error) => log.warn({ error: errorText(error) }, 'DNS over UDP'))
}

export function serveDnsOverTcp(server: Server, respond: DnsResponder): void {
  server.maxConnections = maxTcpConnections
  server.on('connection', (socket) => serveTcpConnection(socket, respond))
}

function serveTcpConnection(socket: Socket, respond: DnsResponder): void {
  const frames = dns.createTcpFrames()
  socket.setTimeout(tcpIdleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  // Sockets of handed-over servers stay half-open unless told otherwise.
  socket.on('end', () => socket.end())
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const message of frames.push(chunk)) {
        const response = respond(message, 'tcp')
        if (response === undefined) return void socket.destroy()
        // Who does not read its answers gets no more of them.
        if (!socket.write(dns.frameForTcp(response))) {
          socket.pause()
          socket.once('drain', () => socket.resume())
        }
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      respond(chunk.subarray(0, 0), 'tcp')
      socket.destroy()
    }
  })
}
