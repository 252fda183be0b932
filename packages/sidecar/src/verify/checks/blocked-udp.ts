import { createSocket, type Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { contained, escaped, isRefusedLocally, sent, type Check } from './check.ts'

/** A few are led to the sidecar, which records who sent them (packages/guard); the next is refused. */
const attempts = 16

/** UDP to `address` must not leave: QUIC, and with it every named rule, would go around the sidecar. */
export function blockedUdp(name: string, address: string, port: number): Check {
  return {
    name,
    async run() {
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        // Left open to the end of the process, so that the sidecar sees whose datagrams these were, and records nothing.
        const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4').unref()
        const code = await sendOutcome(socket, address, port)
        if (isRefusedLocally(code)) return contained(`not sent: ${code ?? ''}`)
        if (code !== undefined) return escaped(code)
      }
      return sent('datagrams were sent')
    },
  }
}

/** The code of the refusal, which the kernel gives at once; undefined when the datagram went. */
function sendOutcome(socket: Socket, address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const done = (error: NodeJS.ErrnoException | null): void => resolve(error?.code)
    socket.on('error', done)
    socket.send(Buffer.from('chaperone containment probe'), port, address, done)
  })
}
