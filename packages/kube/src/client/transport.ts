import * as http from 'node:http'
import * as https from 'node:https'
import { type Clock, CodedError, errorText } from '@chaperone/core'
import { KubeApiError } from '../errors.ts'
import { type Deadline, withDeadline } from '../deadline.ts'
import type { KubeConnection } from './kube-config.ts'
import { statusError } from './status-error.ts'

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string
  /** For the whole exchange; of a stream, until its headers. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** HTTP to one API server. Every failure is a KubeApiError or KubeConfigError, or the reason of the caller's signal. */
export interface Transport {
  /** The parsed JSON of a successful answer. */
  send(request: TransportRequest): Promise<unknown>
  /** Resolves with the headers of a successful answer, to its bytes as they arrive; these end when the server ends them. */
  stream(request: TransportRequest): Promise<AsyncIterable<Buffer>>
  /** Closes idle connections. */
  close(): void
}

/** More concurrent requests wait for a connection; a priority level of the API server admits not many more. */
const maxConnections = 32
/** The API server closes idle connections after 90 s; closing ours earlier avoids writing into a closed one. */
const idleTimeoutMs = 60_000
/** Below the idle limits of usual load balancers; what client-go uses. */
const tcpKeepAliveMs = 30_000
/** 500 objects of 1.5 MiB, etcd's limit, would be more; a list page that large is a mistake. */
const maxResponseBytes = 256 * 1024 * 1024

type Agents = Readonly<Record<'request' | 'stream', http.Agent>>

export function createTransport(connection: KubeConnection, clock: Clock): Transport {
  const agents = createAgents(connection.server.startsWith('https:'))
  const open = async (
    request: TransportRequest,
    agent: keyof Agents,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> => {
    const response = await exchange(connection, agents[agent], request, signal)
    const status = response.statusCode ?? 0
    if (status >= 200 && status <= 299) return response
    if (status === 401) connection.refresh()
    throw statusError(status, parseJson(await readBody(response)), response.headers['retry-after'])
  }
  return {
    send: (request) =>
      withDeadline(clock, deadlineOf(request), async (signal) => {
        const parsed = parseJson(await readBody(await open(request, 'request', signal)))
        if (parsed === undefined) throw new KubeApiError('ERR_KUBE_PROTOCOL', 'answer: expected JSON')
        return parsed
      }),
    async stream(request) {
      const life = new AbortController()
      const forward = (): void => life.abort(request.signal?.reason)
      request.signal?.addEventListener('abort', forward, { once: true })
      const end = (): void => {
        request.signal?.removeEventListener('abort', forward)
        life.abort()
      }
      try {
        const response = await withDeadline(clock, deadlineOf(request), (signal) => {
          signal.addEventListener('abort', () => life.abort(signal.reason), { once: true })
          return open(request, 'stream', life.signal)
        })
        return chunksOf(response, life.signal, end)
      } catch (error) {
        end()
        throw error
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

function deadlineOf({ timeoutMs, signal }: TransportRequest): Deadline {
  const timeoutError = (): KubeApiError =>
    new KubeApiError('ERR_KUBE_TIMEOUT', `answer: expected one within ${timeoutMs} ms`)
  return { timeoutMs, timeoutError, signal }
}

function createAgents(secure: boolean): Agents {
  const Agent = secure ? https.Agent : http.Agent
  return {
    request: new Agent({ keepAlive: true, maxSockets: maxConnections, timeout: idleTimeoutMs }),
    // One connection per watch, never shared: as many as there are reflectors.
    stream: new Agent({ keepAlive: false }),
  }
}

/** One request; a read whose kept-alive connection turns out to be closed is sent again, once, on another. */
async function exchange(
  connection: KubeConnection,
  agent: http.Agent,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const { options, agent: proxy } = await connection.credentials()
  signal.throwIfAborted()
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
  const requestOptions: https.RequestOptions = {
    ...options,
    agent: proxy ?? agent,
    method: request.method,
    signal,
    headers: {
      ...trimmed(options.headers),
      accept: 'application/json',
      'user-agent': 'chaperone',
      ...(body === undefined
        ? {}
        : { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
    },
  }
  const url = `${connection.server}${request.path}`
  const first = await attempt(url, requestOptions, body)
  const outcome = first === 'stale' && request.method === 'GET' ? await attempt(url, requestOptions, body) : first
  if (outcome === 'stale') throw new KubeApiError('ERR_KUBE_UNAVAILABLE', 'connection: closed before an answer')
  return outcome
}

function attempt(
  url: string,
  options: https.RequestOptions,
  body: Buffer | undefined,
): Promise<http.IncomingMessage | 'stale'> {
  return new Promise((resolve, reject) => {
    const outgoing = (url.startsWith('https:') ? https : http).request(url, options)
    outgoing.once('socket', (socket) => socket.setKeepAlive(true, tcpKeepAliveMs))
    outgoing.once('response', resolve)
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolve('stale')
      else reject(unavailable(error))
    })
    outgoing.end(body)
  })
}

async function* chunksOf(
  response: http.IncomingMessage,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw unavailable(error)
  } finally {
    end()
  }
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxResponseBytes)
        throw new KubeApiError('ERR_KUBE_PROTOCOL', `answer: expected at most ${maxResponseBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw unavailable(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Token files may end in a line break, which a header must not. */
function trimmed(headers: https.RequestOptions['headers']): Record<string, string | string[]> {
  const trim = (value: unknown): string => String(value).trim()
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name, Array.isArray(value) ? value.map(trim) : trim(value)]),
  )
}

/** What node:http and node:tls throw, as the one error that callers know; bugs and our own errors pass as they are. */
function unavailable(error: unknown): Error {
  if (error instanceof CodedError || error instanceof TypeError) return error
  return new KubeApiError('ERR_KUBE_UNAVAILABLE', `connection: ${errorText(error)}`, { cause: error })
}
