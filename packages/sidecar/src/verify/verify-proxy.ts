import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { errorText } from '@chaperone/core'
import type { VerifyConfig } from '../config.ts'
import { connected, secured } from './checks/redirected-tcp.ts'
import { probeName } from './probe.ts'
import type { Verdict } from './run-verify.ts'

const timeoutMs = 5000
const established = /^HTTP\/1\.1 200 [^\r\n]*\r\n\r\n$/

/**
 * Where there is no guard every way out is open, and trying them would prove nothing. What can be known is whether a client
 * that goes by its variables meets the sidecar: a tunnel, and in it a handshake under the pod's own CA. Never claims that the
 * pod is contained; clients that do not meet the sidecar count as a way out.
 */
export async function verifyProxy(
  config: Pick<VerifyConfig, 'trustDir' | 'terminationLog'>,
  proxy: URL,
  write: (line: string) => void,
): Promise<Verdict> {
  const caPem = await readFile(join(config.trustDir, 'ca.crt'), 'utf8')
  const problem = await problemWith(proxy, caPem)
  const message =
    problem === undefined
      ? 'clients that go by the proxy variables meet the sidecar; the pod has no guard, and others go anywhere'
      : `clients that go by the proxy variables do not meet the sidecar at ${proxy.host}: ${problem}`
  write(message)
  await writeFile(config.terminationLog, message).catch(() => undefined)
  return problem === undefined ? 'passed' : 'escaped'
}

async function problemWith(proxy: URL, caPem: string): Promise<string | undefined> {
  try {
    ;(await secured(await tunnelled(proxy), caPem)).destroy()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? errorText(error)
  }
}

/** CONNECT (RFC 9110 §9.3.6) to the name that only the sidecar serves. */
async function tunnelled(proxy: URL): Promise<Socket> {
  const socket = await connected(proxy.hostname, Number(proxy.port))
  socket.write(`CONNECT ${probeName}:443 HTTP/1.1\r\nHost: ${probeName}:443\r\n\r\n`)
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer]
  if (established.test(answer.toString('latin1'))) return socket
  socket.destroy()
  throw new Error('it opens no tunnel')
}
