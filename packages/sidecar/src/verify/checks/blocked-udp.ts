import { createSocket, type Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { contained, escaped, isRefusedLocally, type Check } from './check.ts'

/** How long the kernel may take to say no; the guard does so at once. */
const verdictMs = 500

/** UDP to `address` must not leave: QUIC, and with it every named rule, would go around the sidecar. */
export function blockedUdp(name: string, address: string, port: number): Check {
  return {
    name,
    async run() {
      const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
      try {
        const code = await sendOutcome(socket, address, port)
        return isRefusedLocally(code) ? contained(`not sent: ${code ?? ''}`) : escaped(code ?? 'a datagram was sent')
      } finally {
        socket.close()
      }
    },
  }
}

/** The code of the refusal; undefined when the datagram went. */
function sendOutcome(socket: Socket, address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), verdictMs)
    const refused = (error: Error): void => {
      clearTimeout(timer)
      resolve((error as NodeJS.ErrnoException).code)
    }
    socket.on('error', refused)
    socket.send(Buffer.from('chaperone containment probe'), port, address, (error) => {
      if (error !== null) refused(error)
    })
  })
}
