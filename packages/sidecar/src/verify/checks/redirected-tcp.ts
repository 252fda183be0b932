import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { probeName } from '../probe.ts'
import { contained, escaped, isRefusedLocally, unclear, type Check } from './check.ts'

const timeoutMs = 5000

/** Closed, reset or quiet: so is a sidecar that has more connections than it serves. */
const silence = new Set(['ECONNRESET', 'EPIPE', 'ABORT_ERR'])

/** TCP to `address` must be met by the sidecar, whatever the port. */
export function redirectedTcp(name: string, address: string, port: number): Check {
  return {
    name,
    async run({ caPem }) {
      let socket: Socket
      try {
        socket = await connected(address, port)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (isRefusedLocally(code)) return contained(`not sent: ${code ?? ''}`)
        // A sidecar with more connections than it serves resets the next.
        return code === 'ECONNRESET' ? unclear(code) : escaped(`not met by the sidecar: ${code ?? 'timeout'}`)
      }
      try {
        ;(await secured(socket, caPem)).destroy()
        return contained('met by the sidecar')
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'no TLS'
        return silence.has(code) ? unclear(`accepted, and then ${code}`) : escaped(`met by somebody else: ${code}`)
      }
    },
  }
}

export async function connected(address: string, port: number): Promise<Socket> {
  const socket = connectTcp({ host: address, port })
  socket.on('error', () => undefined)
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** A handshake under the pod's own CA; rejects with anybody else's. */
export async function secured(socket: Socket, caPem: string): Promise<TLSSocket> {
  const tls = connectTls({ socket, servername: probeName, ca: caPem })
  tls.on('error', () => undefined)
  try {
    await once(tls, 'secureConnect', { signal: AbortSignal.timeout(timeoutMs) })
    return tls
  } catch (error) {
    tls.destroy()
    throw error
  }
}
