import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as requestHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import {
  connect as connectHttp2,
  createSecureServer as createHttp2Server,
  type ClientHttp2Session,
  type ClientHttp2Stream,
} from 'node:http2'
import { connect, createServer as createTcp } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { allow, closeAll, closers, host, listen, start, upstream } from './testdata/http-bench.ts'
import { connectHttp2OverTls } from './testdata/tls-bench.ts'

afterEach(closeAll)

/** A client that says what it has, byte for byte. */
const dial = (port: number) => {
  const socket = connect(port, '127.0.0.1')
  closers.push(() => socket.destroy())
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString('latin1')))
  return {
    write: (text: string) => socket.write(text),
    received: () => received,
    async until(text: string) {
      while (!received.includes(text)) await once(socket, 'data')
    },
  }
}
const waiting = () => {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}

describe('a client that asks whether to go on', () => {
  const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`
  const echo: RequestListener = (request, response) => request.pipe(response)

  test('is told so only after the verdict, and the upstream sees nothing before it', async () => {
    const origin = await upstream(echo)
    const [asked, verdict] = [waiting(), waiting()]
    const bench = await start(origin.port, allow(), {
      async outcome() {
        asked.resolve()
        await verdict.promise
        return undefined
      },
    })
    const client = dial(bench.port)
    client.write(head)
    await asked.promise
    expect([client.received(), origin.bytes()]).toEqual(['', 0])
    verdict.resolve()
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.write('hello')
    await client.until('hello')
    expect(client.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
    expect(origin.received()).not.toMatch(/expect/i)
  })

  test('is never told so when the answer is no', async () => {
    const origin = await upstream(echo)
    const bench = await start(origin.port, [{ name: 'no', to: { hosts: [host] }, action: 'Deny' }])
    const client = dial(bench.port)
    client.write(head)
    await client.until('RuleDenied')
    expect(client.received()).toMatch(/^HTTP\/1\.1 403 /)
    expect(origin.bytes()).toBe(0)
  })

  test('is told so where a rule reads the body, which the upstream gets after the verdict', async () => {
    const origin = await upstream(echo)
    const [asked, verdict] = [waiting(), waiting()]
    const bench = await start(origin.port, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }], {
      async outcome() {
        asked.resolve()
        await verdict.promise
        return undefined
      },
    })
    const client = dial(bench.port)
    client.write(head)
    await client.until('HTTP/1.1 100 Continue\r\n\r\n')
    client.write('hello')
    await asked.promise
    expect(origin.bytes()).toBe(0)
    verdict.resolve()
    await client.until('hello')
  })
})

/** More than the sockets of all hops hold, and a small part of the body. */
const maxUnderwayBytes = 24 * 1024 * 1024
const longBytes = 64 * 1024 * 1024

/** Writes `longBytes` as fast as `to` takes them; the digest of them. */
const pour = async (to: NodeJS.WritableStream, onWrite: (bytes: number) => void): Promise<string> => {
  const hash = createHash('sha256')
  const piece = randomBytes(256 * 1024)
  for (let sent = 0; sent < longBytes; sent += piece.length) {
    piece.writeUInt32BE(sent)
    hash.update(piece)
    onWrite(piece.length)
    if (!to.write(Buffer.from(piece))) await once(to, 'drain')
  }
  to.end()
  return hash.digest('hex')
}

/** Reads as slowly as the event loop allows, and the digest of it; `onRead` looks at each piece. */
const sip = async (from: AsyncIterable<Buffer>, onRead: (bytes: number) => void): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of from) {
    hash.update(chunk)
    onRead(chunk.length)
    for (let turns = 0; turns < 4; turns++) await turn()
  }
  return hash.digest('hex')
}

describe('a body that is far larger than what may be held', () => {
  test('comes down unchanged to a slow reader, and little of it is under way at any time', async () => {
    let [sent, read, most] = [0, 0, 0]
    let sentHash: Promise<string> | undefined
    const origin = await upstream((_request, response) => {
      sentHash = pour(response, (bytes) => (sent += bytes))
    })
    const bench = await start(origin.port, allow())
    const request = requestHttp({ port: bench.port, headers: { host } }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    const readHash = await sip(answer, (bytes) => {
      read += bytes
      most = Math.max(most, sent - read)
    })
    expect(read).toBe(longBytes)
    expect(readHash).toBe(await sentHash)
    expect(most).toBeLessThan(maxUnderwayBytes)
  }, 60_000)

  test('goes up unchanged to a slow reader, and little of it is under way at any time', async () => {
    let [sent, read, most] = [0, 0, 0]
    const origin = await upstream((request, response) => {
      void sip(request, (bytes) => {
        read += bytes
        most = Math.max(most, sent - read)
      }).then((hash) => response.end(hash))
    })
    const bench = await start(origin.port, allow())
    const request = requestHttp({ port: bench.port, method: 'PUT', headers: { host } })
    const sentHash = pour(request, (bytes) => (sent += bytes))
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(String((await answer.toArray())[0])).toBe(await sentHash)
    expect(read).toBe(longBytes)
    expect(most).toBeLessThan(maxUnderwayBytes)
  }, 60_000)
})

const openHttp2 = async (rules: object[], listener: RequestListener) => {
  const origin = await upstream(listener)
  const bench = await start(origin.port, rules)
  const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(bench.port, '127.0.0.1') })
  closers.push(() => session.destroy())
  return { origin, bench, session }
}
const answerOf = async (session: ClientHttp2Session, headers: Record<string, string>) => {
  const stream = session.request(headers)
  stream.end()
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
  const chunks = (await stream.toArray()) as Buffer[]
  return { status: head[':status'], body: Buffer.concat(chunks).toString() }
}

describe('a client that leaves', () => {
  test.each([
    ['while the upstream thinks', () => undefined],
    ['while it is answered', (response: ServerResponse) => void response.write('first')],
  ])('%s ends the request upstream', async (_name, act) => {
    const [arrived, gone] = [waiting(), waiting()]
    const origin = await upstream((_request, response) => {
      response.on('close', gone.resolve)
      act(response)
      arrived.resolve()
    })
    const bench = await start(origin.port, allow())
    const client = connect(bench.port, '127.0.0.1')
    client.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    await arrived.promise
    client.destroy()
    await gone.promise
  })

  test('in the middle of its body ends the request upstream', async () => {
    const [arrived, gone] = [waiting(), waiting()]
    const origin = await upstream((request, response) => {
      request.on('error', () => undefined).once('data', arrived.resolve)
      response.on('close', gone.resolve)
    })
    const bench = await start(origin.port, allow())
    const client = connect(bench.port, '127.0.0.1')
    client.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n\r\nhello`)
    await arrived.promise
    client.destroy()
    await gone.promise
  })

  test('one stream of HTTP/2 ends that request upstream, and the others go on', async () => {
    const [arrived, gone] = [waiting(), waiting()]
    const { session } = await openHttp2(allow(), (request, response) => {
      if (request.url === '/open') return void response.end('fine')
      response.on('close', gone.resolve)
      arrived.resolve()
    })
    const stream = session.request({ ':path': '/long' })
    await arrived.promise
    stream.close()
    await gone.promise
    expect(await answerOf(session, { ':path': '/open' })).toEqual({ status: 200, body: 'fine' })
  })

  test('over HTTP/2 altogether ends its requests upstream', async () => {
    const [arrived, gone] = [waiting(), waiting()]
    const { session } = await openHttp2(allow(), (_request, response) => {
      response.on('close', gone.resolve)
      arrived.resolve()
    })
    session.request({ ':path': '/' }).on('error', () => undefined)
    await arrived.promise
    session.destroy()
    await gone.promise
  })
})

describe('a dial upstream', () => {
  /** An upstream that speaks TLS only to those that it is told to. */
  const silent = async () => {
    const authority = await createTestAuthority()
    const { key, certificate } = await authority.issue(host)
    const secure = createHttp2Server({ key, cert: certificate }, (_request, response) => response.end('fine'))
    const [dialled, hungUp] = [waiting(), waiting()]
    let speak: () => void = () => undefined
    const port = await listen(
      createTcp((socket) => {
        socket.on('close', hungUp.resolve).on('error', () => undefined)
        socket.on('data', (hello) => {
          speak = () => {
            socket.removeAllListeners('data').pause().unshift(hello)
            secure.emit('connection', socket)
          }
          dialled.resolve()
        })
      }),
    )
    const bench = await start(port, allow(), { authority })
    const session = connectHttp2OverTls(bench.port, authority)
    return { dialled, hungUp, session, speak: () => speak() }
  }

  test.each([
    ['its stream', (_session: ClientHttp2Session, stream: ClientHttp2Stream) => stream.close()],
    ['its connection', (session: ClientHttp2Session) => session.destroy()],
  ])('ends when the client that it is for ends %s', async (_name, leave) => {
    const { dialled, hungUp, session } = await silent()
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => undefined)
    await dialled.promise
    leave(session, stream)
    await hungUp.promise
  })

  test('goes on for another request that waits for it', async () => {
    const { dialled, session, speak } = await silent()
    const first = session.request({ ':path': '/' })
    await dialled.promise
    const second = answerOf(session, { ':path': '/' })
    first.close()
    await once(first, 'close')
    speak()
    expect(await second).toEqual({ status: 200, body: 'fine' })
  })
})

describe('on one HTTP/2 connection', () => {
  test('the trailers of a request, which no verdict covers, do not go upstream', async () => {
    const { origin, session } = await openHttp2(allow(), (request, response) => {
      request.resume().on('end', () => response.end(JSON.stringify(request.trailers)))
    })
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-late': '1' }))
    stream.end('hello')
    expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe('{}')
    expect(origin.received()).toContain('hello')
    expect(origin.received()).not.toContain('x-late')
  })

  test.each([
    ['another host', { ':authority': 'evil.test' }],
    ['another port', { ':authority': `${host}:22` }],
    ['a host field that disagrees', { ':authority': host, host: 'evil.test' }],
  ])('a later stream for %s is refused, and no byte of it reaches an upstream', async (_name, authority) => {
    const { origin, session } = await openHttp2(allow(), (_request, response) => response.end('fine'))
    expect(await answerOf(session, { ':path': '/', ':authority': host })).toEqual({ status: 200, body: 'fine' })
    const before = origin.bytes()
    const refused = await answerOf(session, { ':path': '/stolen', ...authority })
    expect([refused.status, refused.body]).toEqual([421, expect.stringContaining('NameMismatch')])
    expect(origin.bytes()).toBe(before)
    expect(await answerOf(session, { ':path': '/', ':authority': host })).toEqual({ status: 200, body: 'fine' })
  })

  test('over TLS for one name, a stream for another is refused', async () => {
    const authority = await createTestAuthority()
    const bench = await start(1, allow(), { authority })
    const session = connectHttp2OverTls(bench.port, authority)
    expect(await answerOf(session, { ':path': '/', ':authority': 'evil.test' })).toMatchObject({ status: 421 })
  })
})
