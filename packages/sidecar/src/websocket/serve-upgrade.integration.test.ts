import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { websocket } from '@chaperone/wire'
import { Agent, WebSocket as UndiciWebSocket } from 'undici'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { allow, closeAll, closers, curl, host, listen, start, upstream } from '../http/testdata/http-bench.ts'
import { rawClient, rawUpstream, wsClient, wsUpstream } from './testdata/websocket-bench.ts'

afterEach(closeAll)

const echo = (socket: WebSocket): void => void socket.on('message', (data, binary) => socket.send(data, { binary }))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const nextText = async (socket: WebSocket): Promise<string> => {
  const [data] = (await once(socket, 'message')) as [RawData]
  return (data as Buffer).toString('utf8')
}
const closeOf = async (socket: WebSocket): Promise<[number, string]> => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

describe('an allowed WebSocket', () => {
  test('carries text, binary, pings, the protocol and the close of a ws client to a ws server', async () => {
    const closed = Promise.withResolvers<[number, string]>()
    const origin = await wsUpstream((socket) => {
      echo(socket)
      socket.on('close', (code, reason) => closed.resolve([code, reason.toString()]))
    })
    const bench = await start(origin.port, allow())
    const client = wsClient(bench.port, ['superchat', 'chat'], '/feed?x=1')
    await once(client, 'open')
    expect([client.protocol, client.extensions, origin.requests[0]?.url]).toEqual(['superchat', '', '/feed?x=1'])
    client.send('zażółć')
    expect(await nextText(client)).toBe('zażółć')
    client.send(Buffer.of(0, 255))
    expect((await once(client, 'message'))[0]).toEqual(Buffer.of(0, 255))
    client.ping('beat')
    expect(String((await once(client, 'pong'))[0])).toBe('beat')
    client.close(4000, 'done')
    expect(await closeOf(client)).toEqual([4000, 'done'])
    expect(await closed.promise).toEqual([4000, 'done'])
  })

  test('is spoken over TLS by the client of Node to a server with TLS', async () => {
    const authority = await createTestAuthority()
    const { key, certificate } = await authority.issue(host)
    const https = createHttps({ key, cert: certificate })
    const server = new WebSocketServer({ server: https, perMessageDeflate: true })
    server.on('connection', echo)
    closers.push(() => server.close())
    const bench = await start(await listen(https), allow(), { authority })
    const dispatcher = new Agent({
      connect: (_options, callback) => {
        const socket = connectTls({ port: bench.port, host: '127.0.0.1', servername: host, ca: authority.certificate })
        socket
          .once('secureConnect', () => callback(null, socket))
          .once('error', (error: Error) => callback(error, null))
      },
    })
    closers.push(() => dispatcher.destroy())
    const client = new UndiciWebSocket(`wss://${host}/`, { dispatcher })
    await once(client, 'open')
    expect(client.extensions).toBe('')
    const answered = once(client, 'message')
    client.send('hello')
    expect(((await answered)[0] as MessageEvent).data).toBe('hello')
    const closed = once(client, 'close')
    client.close(1000)
    expect((await closed)[0]).toMatchObject({ code: 1000, wasClean: true })
  })

  test('carries a message larger than any part both ways unchanged', async () => {
    const sent = randomBytes(4 * 1024 * 1024)
    const digest = Promise.withResolvers<string>()
    const origin = await wsUpstream((socket) => {
      socket.on('message', (data) => {
        digest.resolve(sha256(data as Buffer))
        socket.send(data)
      })
    })
    const bench = await start(origin.port, allow())
    const client = wsClient(bench.port)
    await once(client, 'open')
    client.send(sent)
    const [back] = (await once(client, 'message')) as [Buffer]
    expect([await digest.promise, sha256(back)]).toEqual([sha256(sent), sha256(sent)])
  })

  test('gives a client that has closed its half what the upstream still says', async () => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    const close = websocket.encodeFrame({ kind: 'close', code: 1000, reason: '' }, Buffer.of(1, 2, 3, 4))
    const client = rawClient(bench.port, close)
    client.socket.end()
    const socket = await origin.opened
    await once(socket, 'data')
    socket.write(Buffer.from('810548656c6c6f880203e8', 'hex'))
    expect(await client.frames()).toEqual([
      { kind: 'text', first: true, final: true, payload: Buffer.from('Hello') },
      { kind: 'close', code: 1000, reason: '' },
    ])
  })

  test('passes the handshake of a rule that a person approves', async () => {
    const origin = await wsUpstream(echo)
    const bench = await start(origin.port, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }])
    const client = wsClient(bench.port)
    await once(client, 'open')
    expect(bench.asked[0]?.action).toMatchObject({ http: { method: 'GET', path: '/' } })
  })
})

describe('masking', () => {
  const masked = allow({ mask: ['pii'] })

  test('covers every text of the upstream, in fragments and whatever wraps its JSON, and its close', async () => {
    const origin = await wsUpstream((socket) => {
      socket.send('mail ada@example.com now')
      socket.send('{"email":"ada@ex', { fin: false })
      socket.ping('ada@example.com')
      socket.send('ample.com","pass', { fin: false })
      socket.send('word":"hunter2"}', { fin: true })
      socket.send('42["login",{"password":"hunter2"}]')
      socket.send('{"password":"hunter2"}\u001e{"a":"ada\\u0040example.com"}\u001e')
      socket.close(4001, 'bye ada@example.com')
    })
    const bench = await start(origin.port, masked)
    const client = wsClient(bench.port)
    const texts: string[] = []
    const pings: string[] = []
    client.on('message', (data) => texts.push((data as Buffer).toString()))
    client.on('ping', (data) => pings.push(data.toString()))
    expect(await closeOf(client)).toEqual([4001, 'bye [REDACTED:EmailAddress]'])
    expect(texts).toEqual([
      'mail [REDACTED:EmailAddress] now',
      '{"email":"[REDACTED:EmailAddress]","password":"[REDACTED:Field]"}',
      '42["login",{"password":"[REDACTED:Field]"}]',
      '{"password":"[REDACTED:Field]"}\u001e{"a":"[REDACTED:EmailAddress]"}\u001e',
    ])
    expect(pings).toEqual([''])
    const received = bench.records.filter(({ kind }) => kind === 'message')
    expect(received.map(({ body }) => body)).toEqual(texts)
    expect(received[1]?.attributes).toMatchObject({
      'network.io.direction': 'receive',
      'chaperone.message.opcode': 'text',
      'chaperone.body.sha256': sha256(Buffer.from(texts[1] ?? '')),
      'chaperone.mask.count': 2,
    })
    expect(JSON.stringify(bench.records)).not.toMatch(/ada@|hunter2/)
  })

  test('finds what a model streams in pieces, and gives what it held back before anything else', async () => {
    const piece = (delta: string) => JSON.stringify({ type: 'response.output_text.delta', item_id: 'm', delta })
    const done = JSON.stringify({ type: 'response.completed' })
    const origin = await wsUpstream((socket) => {
      for (const delta of ['to a', 'da@exam', 'ple.com']) socket.send(piece(delta))
      socket.send(done)
      socket.send(piece('or bob@example.com'))
      socket.close(1000)
    })
    const bench = await start(origin.port, masked)
    const client = wsClient(bench.port)
    const texts: string[] = []
    client.on('message', (data) => texts.push((data as Buffer).toString()))
    await closeOf(client)
    const address = piece('[REDACTED:EmailAddress]')
    expect(texts).toEqual([piece('to '), piece(''), piece(''), address, done, piece('or '), address])
    const counts = bench.records.flatMap(({ attributes }) => attributes['chaperone.mask.count'] ?? [])
    expect(counts).toEqual([0, 0, 0, 1, 0, 0, 1, 2])
  })

  test('finds it although the client calls forth an error between the pieces', async () => {
    const type = 'response.output_text.delta'
    const piece = (delta: string) => JSON.stringify({ type, response_id: 'r', item_id: 'm', delta })
    const error = JSON.stringify({ type: 'error', error: { message: 'unknown event' } })
    const done = JSON.stringify({ type: 'response.output_text.done', response_id: 'r', item_id: 'm', text: '' })
    const rest = ['th@exam', 'ple.com']
    const origin = await wsUpstream((socket) => {
      socket.send(piece('mary.smi'))
      socket.on('message', () => {
        socket.send(error)
        const next = rest.shift()
        socket.send(next === undefined ? done : piece(next))
        if (next === undefined) socket.close(1000)
      })
    })
    const bench = await start(origin.port, masked)
    const client = wsClient(bench.port)
    const texts: string[] = []
    client.on('message', (data) => {
      texts.push((data as Buffer).toString())
      if (texts.at(-1) !== error) client.send('{"type":"junk"}')
    })
    await closeOf(client)
    const address = piece('[REDACTED:EmailAddress]')
    expect(texts).toEqual([piece(''), error, piece(''), error, piece(''), error, address, done])
    expect(JSON.stringify(bench.records)).not.toMatch(/mary|th@exam|ple\.com/)
  })

  test('gives the upstream the pong that it asked for', async () => {
    const pong = Promise.withResolvers<Buffer>()
    const origin = await wsUpstream((socket) => {
      socket.on('pong', (data) => pong.resolve(data))
      socket.ping(Buffer.of(0xff, 1, 2, 3))
    })
    const bench = await start(origin.port, masked)
    wsClient(bench.port)
    expect(await pong.promise).toEqual(Buffer.of(0xff, 1, 2, 3))
  })

  test('records what the agent sends masked, and sends it as it is', async () => {
    const origin = await wsUpstream((socket) => socket.on('message', () => socket.close(1000)))
    const bench = await start(origin.port, masked)
    const client = wsClient(bench.port)
    await once(client, 'open')
    client.send('{"email":"ada@ex', { fin: false })
    client.send('ample.com"}', { fin: true })
    await once(client, 'close')
    const [sent] = bench.records.filter(({ kind }) => kind === 'message')
    expect(sent).toMatchObject({
      body: '{"email":"[REDACTED:EmailAddress]"}',
      attributes: {
        'network.io.direction': 'transmit',
        'chaperone.message.size': 27,
        'chaperone.body.sha256': sha256(Buffer.from('{"email":"ada@example.com"}')),
      },
    })
  })

  test.each<[string, (socket: WebSocket) => void, number, string]>([
    ['binary', (socket) => socket.send(Buffer.from('ada@example.com')), 1003, 'MaskingFailed'],
    ['text beyond the limit', (socket) => socket.send('x'.repeat(4 * 1024 * 1024 + 1)), 1009, 'BodyTooLarge'],
    ['JSON nested too deep', (socket) => socket.send('['.repeat(200) + ']'.repeat(200)), 1003, 'MaskingFailed'],
  ])('withholds %s, ends both sides and records it', async (_name, send, code, reason) => {
    const closed = Promise.withResolvers<number>()
    const origin = await wsUpstream((socket) => {
      socket.on('close', (closeCode) => closed.resolve(closeCode))
      send(socket)
    })
    const bench = await start(origin.port, masked)
    const client = wsClient(bench.port)
    const messages: RawData[] = []
    client.on('message', (data) => messages.push(data))
    expect((await closeOf(client))[0]).toBe(code)
    expect(await closed.promise).toBe(code)
    expect(messages).toEqual([])
    expect(bench.records.find(({ kind }) => kind === 'connection.blocked')?.attributes).toMatchObject({
      'chaperone.reason': reason,
      'network.io.direction': 'receive',
      'chaperone.websocket.close_code': code,
    })
  })
})

describe('the record', () => {
  const conversation = async (level: string) => {
    const origin = await wsUpstream(echo)
    const bench = await start(origin.port, allow({ audit: { level } }))
    const client = wsClient(bench.port)
    await once(client, 'open')
    client.send('hello')
    await nextText(client)
    client.send(Buffer.of(1, 2, 3))
    await once(client, 'message')
    client.close(1000)
    await once(client, 'close')
    return bench.records
  }

  test.each<[string, string[]]>([
    ['Metadata', []],
    ['Request', ['transmit text 5 hello', 'transmit binary 3 undefined']],
    [
      'RequestResponse',
      ['transmit text 5 hello', 'receive text 5 hello', 'transmit binary 3 undefined', 'receive binary 3 undefined'],
    ],
  ])('at level %s tells of these messages, and always of counts', async (level, expected) => {
    const records = await conversation(level)
    const told = records
      .filter(({ kind }) => kind === 'message')
      .map(({ attributes: a, body }) =>
        [a['network.io.direction'], a['chaperone.message.opcode'], a['chaperone.message.size'], body]
          .map(String)
          .join(' '),
      )
    expect(told).toEqual(expected)
    expect(records.map(({ kind }) => kind)).toContain('connection.opened')
    expect(records.find(({ kind }) => kind === 'connection.closed')?.attributes).toMatchObject({
      'network.protocol.name': 'websocket',
      'chaperone.request.seq': 1,
      'chaperone.connection.bytes_sent': 8,
      'chaperone.connection.bytes_received': 8,
      'chaperone.websocket.messages_sent': 2,
      'chaperone.websocket.messages_received': 2,
      'chaperone.websocket.close_code': 1000,
    })
  })

  test('at level None tells nothing', async () => {
    expect(await conversation('None')).toEqual([])
  })
})

describe('a refused WebSocket', () => {
  test('is told why, and not one byte reaches the upstream', async () => {
    const origin = await upstream((_request, response) => response.end())
    const bench = await start(origin.port, [{ name: 'no', to: { hosts: [host] }, action: 'Deny', reason: 'not here' }])
    const client = wsClient(bench.port)
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect([response.statusCode, origin.bytes()]).toEqual([403, 0])
  })

  test('or another upgrade is told what the rule says, before what can be served', async () => {
    const origin = await upstream((_request, response) => response.end())
    const bench = await start(origin.port, [{ name: 'no', to: { hosts: [host] }, action: 'Deny', reason: 'not here' }])
    const spdy = ['-X', 'POST', '-H', 'Connection: Upgrade', '-H', 'Upgrade: SPDY/3.1']
    expect(await curl(bench.port, ...spdy)).toMatch(/403 Refused[^]*not here/)
    bench.setPolicy(allow())
    expect(await curl(bench.port, ...spdy)).toMatch(/400 Refused[^]*expected websocket/)
    expect(origin.bytes()).toBe(0)
  })

  test('by the upstream gives the client the status and no more', async () => {
    const origin = createHttp()
    origin.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 15\r\nx-mail: ada@example.com\r\n\r\nada@example.com'),
    )
    const bench = await start(await listen(origin), allow())
    const client = rawClient(bench.port)
    const head = await client.head
    expect(head).toMatch(/^HTTP\/1\.1 401 /)
    expect(head).not.toContain('ada@')
    expect(bench.records.find(({ kind }) => kind === 'response')?.attributes).toMatchObject({
      'http.response.status_code': 401,
    })
  })

  test('over HTTP/2 (RFC 8441) was never offered', async () => {
    const origin = await upstream((_request, response) => response.end())
    const bench = await start(origin.port, allow())
    const session = connectHttp2(`http://${host}`, {
      createConnection: () => connect({ port: bench.port, host: '127.0.0.1' }),
    })
    session.on('error', () => undefined)
    closers.push(() => session.destroy())
    await once(session, 'remoteSettings')
    expect(session.remoteSettings.enableConnectProtocol).toBe(false)
    const stream = session.request({ ':method': 'CONNECT', ':authority': host })
    stream.on('error', () => undefined)
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect([headers[':status'], origin.bytes()]).toEqual([405, 0])
  })
})

describe('while it runs', () => {
  test.each<[string, object[]]>([
    ['denies it', []],
    ['masks it', allow({ mask: ['pii'] })],
    ['asks a person', [{ name: 'allow', to: { hosts: [host] }, action: 'Approve' }]],
  ])('both sides are closed with 1008 when the policy %s', async (_name, rules) => {
    const closed = Promise.withResolvers<number>()
    const origin = await wsUpstream((socket) => {
      echo(socket)
      socket.on('close', (code) => closed.resolve(code))
    })
    const bench = await start(origin.port, allow())
    const client = wsClient(bench.port)
    await once(client, 'open')
    bench.setPolicy(rules)
    expect(await closeOf(client)).toEqual([1008, 'policy changed'])
    expect(await closed.promise).toBe(1008)
  })

  test('a client is refused when the policy comes to deny it before the upstream has answered', async () => {
    const origin = createHttp()
    const asked = once(origin, 'upgrade')
    const bench = await start(await listen(origin), allow())
    const client = rawClient(bench.port)
    const [, socket] = (await asked) as [unknown, Duplex]
    socket.on('error', () => undefined)
    const ended = once(socket.resume(), 'end')
    bench.setPolicy([])
    expect(await client.head).toMatch(/^HTTP\/1\.1 403 /)
    await ended
  })

  test('a change of policy that says the same of it leaves it open', async () => {
    const origin = await wsUpstream(echo)
    const bench = await start(origin.port, allow())
    const client = wsClient(bench.port)
    await once(client, 'open')
    bench.setPolicy([...allow(), { name: 'other', to: { hosts: ['other.test'] }, action: 'Allow' }])
    client.send('still here')
    expect(await nextText(client)).toBe('still here')
  })
})
