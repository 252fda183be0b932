import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { TestAuthority } from '@chaperone/testkit'
import { closers, host, listen } from './http-bench.ts'

/** Another host that is allowed. */
export const other = 'other.example.test'

/** A TLS upstream, and the Host and path of every request that reaches it. */
export async function secureUpstream(authority: TestAuthority): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = []
  const server = createHttps(
    await authority.issue(host, other).then(({ key, certificate }) => ({ key, cert: certificate })),
  )
  server.on('request', (request, response) => {
    seen.push(`${request.headers.host ?? ''}${request.url ?? ''}`)
    response.end('fine')
  })
  return { port: await listen(server), seen }
}

/** A client of HTTP/2 over TLS, for the host of the bench. */
export function connectHttp2OverTls(port: number, authority: TestAuthority): ClientHttp2Session {
  const session = connectHttp2(`https://${host}`, {
    createConnection: () =>
      connectTls({ port, host: '127.0.0.1', servername: host, ca: authority.certificate, ALPNProtocols: ['h2'] }),
  })
  closers.push(() => session.destroy())
  return session
}

/** The status of a request over TLS; `refused` where there is no TLS. */
export async function overTls(
  port: number,
  trusted: TestAuthority,
  {
    sni,
    authority: named,
    wrap = (socket: Socket): Duplex => socket,
  }: { sni?: string; authority: string; wrap?: (socket: Socket) => Duplex },
): Promise<string> {
  const plain = connect({ port, host: '127.0.0.1', noDelay: true })
  closers.push(() => plain.destroy())
  await once(plain, 'connect')
  const socket = connectTls({
    socket: wrap(plain),
    ca: trusted.certificate,
    checkServerIdentity: () => undefined,
    ...(sni === undefined ? { servername: '' } : { servername: sni }),
  })
  closers.push(() => socket.destroy())
  let answer = ''
  socket.on('error', () => undefined).on('data', (chunk: Buffer) => (answer += chunk.toString()))
  socket.write(`GET / HTTP/1.1\r\nHost: ${named}\r\nConnection: close\r\n\r\n`)
  await new Promise((resolve) => socket.once('close', resolve))
  return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'refused'
}

/** Cuts what is written first, and writes it a byte at a time. */
export function byteByByte(socket: Socket, cut: (record: Buffer) => Buffer): Duplex {
  let isFirst = true
  const wrapped = new Duplex({
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (!isFirst) return void socket.write(chunk, () => done())
      isFirst = false
      void (async () => {
        for (const byte of cut(chunk)) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
        done()
      })()
    },
    final: (done) => void socket.end(done),
  })
  socket.on('data', (chunk) => wrapped.push(chunk)).on('end', () => wrapped.push(null))
  wrapped.on('error', () => socket.destroy())
  socket.on('error', () => wrapped.destroy()).on('close', () => wrapped.destroy())
  return wrapped
}
