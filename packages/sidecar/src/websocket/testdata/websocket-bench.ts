import { createServer as createHttp, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { websocket } from '@chaperone/wire'
import { WebSocket, WebSocketServer } from 'ws'
import { closers, host, listen } from '../../http/testdata/http-bench.ts'

// RFC 6455 §1.3
export const key = 'dGhlIHNhbXBsZSBub25jZQ=='

/** A `ws` server, what its handshakes said, and the sockets it was given. */
export interface WsUpstream {
  readonly port: number
  readonly requests: IncomingMessage[]
}

export async function wsUpstream(onConnection: (socket: WebSocket) => void): Promise<WsUpstream> {
  const http = createHttp()
  const server = new WebSocketServer({ server: http, perMessageDeflate: true })
  const requests: IncomingMessage[] = []
  server.on('connection', (socket, request) => {
    requests.push(request)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  const port = await listen(http)
  closers.push(() => server.close())
  return { port, requests }
}

/** The `ws` client as an agent. */
export function wsClient(port: number, protocols: string[] = [], path = '/'): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
    headers: { host },
    perMessageDeflate: true,
  })
  socket.on('error', () => undefined)
  closers.push(() => socket.terminate())
  return socket
}

/** An upstream that answers the handshake and then sends what a test says, valid or not. */
export interface RawUpstream {
  readonly port: number
  /** The connection behind the handshake. */
  readonly opened: Promise<Duplex>
  /** Every byte that came behind the handshake, until it was closed. */
  readonly received: Promise<Buffer>
}

export async function rawUpstream(
  answer: (accept: string) => string = (accept) => `sec-websocket-accept: ${accept}\r\n`,
): Promise<RawUpstream> {
  const opened = Promise.withResolvers<Duplex>()
  const received = Promise.withResolvers<Buffer>()
  const http = createHttp()
  http.on('upgrade', (request, socket: Duplex) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.on('end', () => socket.end())
    socket.on('close', () => received.resolve(Buffer.concat(chunks)))
    const accept = websocket.acceptOf(request.headers['sec-websocket-key'] ?? '')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n${answer(accept)}\r\n`,
    )
    opened.resolve(socket)
  })
  return { port: await listen(http), opened: opened.promise, received: received.promise }
}

/** An agent that shakes hands and then sends what a test says, valid or not. */
export interface RawClient {
  readonly socket: Socket
  /** The head of the answer, then the frames that follow, until the connection is closed. */
  readonly head: Promise<string>
  readonly frames: () => Promise<websocket.Frame[]>
}

export function rawClient(port: number, behind: Buffer = Buffer.alloc(0), extra = ''): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  closers.push(() => socket.destroy())
  socket.on('error', () => undefined)
  const head = Promise.withResolvers<string>()
  const all = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('latin1')
    if (text.includes('\r\n\r\n')) head.resolve(text.slice(0, text.indexOf('\r\n\r\n')))
  })
  socket.on('end', () => socket.end())
  socket.on('close', () => {
    const bytes = Buffer.concat(chunks)
    head.resolve(bytes.toString('latin1'))
    all.resolve(bytes)
  })
  socket.write(
    Buffer.concat([
      Buffer.from(
        `GET /ws HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${extra}\r\n`,
      ),
      behind,
    ]),
  )
  return {
    socket,
    head: head.promise,
    async frames() {
      const bytes = await all.promise
      const decoder = websocket.createFrameDecoder({ from: 'upstream' })
      return [...decoder.push(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4))]
    },
  }
}

/** As a server reads what a client sent. */
export function framesOfClient(bytes: Buffer): websocket.Frame[] {
  return [...websocket.createFrameDecoder({ from: 'client' }).push(bytes)]
}
