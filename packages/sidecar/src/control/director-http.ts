import { readFile } from 'node:fs/promises'
import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { errorText } from '@chaperone/core'
import type { ControlAddress } from '../config.ts'
import { ControlError } from '../errors.ts'

/** HTTP to the director, over TLS or a unix socket. */
export interface DirectorHttp {
  /** One JSON request. Rejects with ControlError only; `signal` ends it early. */
  call(path: string, body: unknown, signal?: AbortSignal): Promise<DirectorAnswer>
  /** A response without end. */
  stream(path: string, signal: AbortSignal): Promise<IncomingMessage>
  /** PEM of the authorities that may sign the director from now on. */
  trust(caBundle: string): void
  close(): void
}

export interface DirectorAnswer {
  readonly status: number
  readonly text: string
}

/** An approval's state is some hundred bytes. */
const maxAnswerBytes = 64 * 1024
const timeoutMs = 10_000
const idleMs = 30_000

export function createDirectorHttp(
  address: ControlAddress,
  options: { readonly tokenFile: string | undefined; readonly lookup: LookupFunction },
): DirectorHttp {
  let trusted = address.kind === 'https' ? address.ca : ''
  let agent = createAgent(address, trusted, options.lookup)
  const send = async (
    method: string,
    path: string,
    body: string,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> => {
    const headers = {
      ...(await authorization(options.tokenFile)),
      ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    const common = { method, path, headers, agent, ...(signal === undefined ? {} : { signal }) }
    const request =
      address.kind === 'unix'
        ? requestHttp({ ...common, socketPath: address.path })
        : requestHttps({
            ...common,
            host: address.url.hostname,
            port: address.url.port === '' ? 443 : address.url.port,
          })
    return answered(request, body)
  }
  return {
    async call(path, body, signal) {
      try {
        const limit = AbortSignal.timeout(timeoutMs)
        const text = JSON.stringify(body)
        const response = await send('POST', path, text, signal === undefined ? limit : AbortSignal.any([limit, signal]))
        return { status: response.statusCode ?? 0, text: await readText(response) }
      } catch (error) {
        throw away(error)
      }
    },
    async stream(path, signal) {
      try {
        // Its own deadline ends with the head; from then on pings tell.
        const head = new AbortController()
        const timer = setTimeout(() => head.abort(), timeoutMs)
        const response = await send('GET', path, '', AbortSignal.any([signal, head.signal])).finally(() =>
          clearTimeout(timer),
        )
        if (response.statusCode === 200) return response
        response.resume()
        throw new ControlError('ERR_CONTROL_REFUSED', `the director answered ${response.statusCode ?? 0}`)
      } catch (error) {
        throw away(error)
      }
    },
    trust(caBundle) {
      if (address.kind === 'unix' || caBundle === trusted) return
      trusted = caBundle
      // What is open, the event stream above all, was verified when it was opened and goes on.
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
      agent = createAgent(address, caBundle, options.lookup)
    },
    close: () => agent.destroy(),
  }
}

function createAgent(address: ControlAddress, ca: string, lookup: LookupFunction): HttpAgent | HttpsAgent {
  const common = { keepAlive: true, timeout: idleMs, maxSockets: 8 }
  return address.kind === 'unix'
    ? new HttpAgent(common)
    : new HttpsAgent({ ...common, ca, lookup, minVersion: 'TLSv1.2' })
}

/** Read anew each time: the kubelet rotates the token. */
async function authorization(tokenFile: string | undefined): Promise<{ authorization?: string }> {
  if (tokenFile === undefined) return {}
  return { authorization: `Bearer ${(await readFile(tokenFile, 'utf8')).trim()}` }
}

function answered(request: ClientRequest, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > maxAnswerBytes)
      throw new ControlError('ERR_CONTROL_MALFORMED', `an answer has at most ${maxAnswerBytes} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function away(error: unknown): ControlError {
  if (error instanceof ControlError) return error
  return new ControlError('ERR_CONTROL_UNAVAILABLE', `the director cannot be reached: ${errorText(error)}`, {
    cause: error,
  })
}
