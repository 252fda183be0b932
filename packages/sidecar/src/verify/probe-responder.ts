import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { probeName } from './probe.ts'

const timeoutMs = 5000

/**
 * Meets `verify` behind the redirect: a handshake under the pod's own CA proves that the connection came here. Not before
 * the director has spoken, because the agent starts when verify is content, and would be refused everything.
 */
export function createProbeResponder(tls: TlsTerminator, directed: Promise<void>): (socket: Socket) => void {
  return (socket) => {
    socket.setTimeout(timeoutMs, () => socket.destroy())
    Promise.all([tls.contextFor(probeName), directed]).then(
      ([secureContext]) => {
        const secured = new TLSSocket(socket, { isServer: true, secureContext })
        secured.on('error', () => secured.destroy())
        secured.on('end', () => secured.end())
        secured.resume()
      },
      () => socket.destroy(),
    )
  }
}
