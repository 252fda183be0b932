import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsTerminator } from '../tls/tls-terminator.ts'
import { parseReport, type Containment } from './containment.ts'
import { probeName } from './probe.ts'

const maxReportBytes = 4096
const timeoutMs = 5000

/**
 * Meets `verify` behind the redirect: a handshake under the pod's own CA proves that the connection came here. A line
 * sent on it is the report. The agent could send one too, but it can only ever run after a good one.
 */
export function createProbeResponder(tls: TlsTerminator, containment: Containment): (socket: Socket) => void {
  return (socket) => {
    socket.setTimeout(timeoutMs, () => socket.destroy())
    tls.contextFor(probeName).then(
      (secureContext) => {
        const secured = new TLSSocket(socket, { isServer: true, secureContext })
        secured.on('error', () => secured.destroy())
        receiveReport(secured, containment)
      },
      () => socket.destroy(),
    )
  }
}

function receiveReport(socket: TLSSocket, containment: Containment): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
    const end = text.indexOf('\n')
    if (end === -1) {
      if (text.length > maxReportBytes) socket.destroy()
      return
    }
    const report = parseReport(text.slice(0, end))
    if (report === undefined) return void socket.destroy()
    containment.report(report).then(
      () => socket.end('noted\n'),
      () => socket.destroy(),
    )
  })
  socket.on('end', () => socket.end())
}
