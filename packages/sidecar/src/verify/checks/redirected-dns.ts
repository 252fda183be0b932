import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { probeQuestionName } from '../probe.ts'
import { contained, escaped, isRefusedLocally, unclear, type Check, type CheckResult } from './check.ts'
import { connected } from './redirected-tcp.ts'

const timeoutMs = 5000
/** A datagram may be lost where the agent sends as many as it can. */
const maxAsked = 3
/** How long to wait where an answer would be a surprise. */
const surpriseMs = 150
const queryId = 0x4348
const headerBytes = 12
const dnsPort = 53

/** DNS to another server than the pod's must be answered by the sidecar: it alone knows the probe's name. */
export function redirectedDns(name: string, transport: 'udp' | 'tcp', address: string): Check {
  return {
    name,
    async run() {
      // Without a global address the question comes from a link-local one, which no answer from ::1 can be sent to.
      const hasWayBack = isIP(address) !== 6 || hasGlobalIpv6()
      const waitMs = hasWayBack ? timeoutMs : surpriseMs
      try {
        return judge(transport === 'udp' ? await askUdp(address, waitMs) : await askTcp(address, waitMs))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (isRefusedLocally(code)) return contained(`not sent: ${code ?? ''}`)
        if (!hasWayBack) return contained('not answered, and there is no IPv6 address to leave from')
        // Of a sidecar that the agent keeps busy nothing is heard either.
        if (error instanceof Unanswered) return unclear('not answered')
        return escaped(`not met by the sidecar: ${code ?? 'timeout'}`)
      }
    },
  }
}

/** The question was taken, and nothing came back. */
class Unanswered extends Error {}

/** NOERROR for a name below `invalid` is nobody's answer but ours. */
function judge(answer: Buffer): CheckResult {
  const isOurs =
    answer.length >= headerBytes && answer.readUInt16BE(0) === queryId && (answer.readUInt16BE(2) & 0xf) === 0
  return isOurs ? contained('answered by the sidecar') : escaped('answered by somebody else')
}

function hasGlobalIpv6(): boolean {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  return addresses.some((entry) => entry.family === 'IPv6' && !entry.internal && !entry.address.startsWith('fe80:'))
}

async function askUdp(address: string, waitMs: number): Promise<Buffer> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  try {
    const failed = once(socket, 'error').then(([error]) => Promise.reject(error as Error))
    failed.catch(() => undefined)
    for (let asked = 0; asked < maxAsked; asked += 1) {
      socket.send(query(), dnsPort, address)
      const answered = once(socket, 'message', { signal: AbortSignal.timeout(Math.ceil(waitMs / maxAsked)) }).catch(
        () => [],
      )
      const [message] = (await Promise.race([answered, failed])) as [Buffer?]
      if (message !== undefined) return message
    }
    throw new Unanswered()
  } finally {
    socket.close()
  }
}

async function askTcp(address: string, waitMs: number): Promise<Buffer> {
  const socket = await connected(address, dnsPort)
  try {
    const message = query()
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    socket.write(Buffer.concat([length, message]))
    const answered = once(socket, 'data', { signal: AbortSignal.timeout(waitMs) })
    const [framed] = (await answered.catch(() => Promise.reject(new Unanswered()))) as [Buffer]
    return framed.subarray(2)
  } finally {
    socket.destroy()
  }
}

/** One question, type A, class IN (RFC 1035 §4.1). */
function query(): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(queryId, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  return Buffer.concat([header, probeQuestionName, Buffer.from([0, 1, 0, 1])])
}
