import { once } from 'node:events'
import { afterEach, describe, expect, test } from '@jest/globals'
import { websocket } from '@chaperone/wire'
import { allow, closeAll, start } from '../http/testdata/http-bench.ts'
import { framesOfClient, rawClient, rawUpstream } from './testdata/websocket-bench.ts'

afterEach(closeAll)

const anyReason: unknown = expect.any(String)
const hex = (bytes: string): Buffer => Buffer.from(bytes, 'hex')
const masked = (kind: 'text' | 'binary', payload: string): Buffer =>
  websocket.encodeFrame({ kind, first: true, final: true, payload: Buffer.from(payload) }, hex('37fa213d'))

describe('a client that sends what is no frame', () => {
  test.each<[string, Buffer, number]>([
    ['an HTTP request', Buffer.from('GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'), 1002],
    ['a TLS hello', hex('16030100c8010000c40303'), 1002],
    ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'), 1002],
    ['a frame without a mask', hex('810548656c6c6f'), 1002],
    ['a reserved bit', hex('c18537fa213d7f9f4d5158'), 1002],
    ['a reserved opcode', hex('838037fa213d'), 1002],
    ['a length in a longer form', Buffer.concat([hex('82fe000537fa213d'), Buffer.alloc(5)]), 1002],
    ['a length without end', hex('82ffffffffffffffffff37fa213d'), 1002],
    ['a message beyond the limit', hex('82ff000000010000000037fa213d'), 1009],
    ['a continuation of nothing', hex('808037fa213d'), 1002],
    ['a fragmented ping', hex('098037fa213d'), 1002],
    ['a close code that never travels', hex('88820000000003ee'), 1002],
    ['text that is no UTF-8', hex('818200000000c328'), 1007],
  ])('%s is closed, so is the upstream, and nothing of it passes', async (_name, bytes, code) => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    const client = rawClient(bench.port, bytes)
    expect(await client.head).toMatch(/^HTTP\/1\.1 101 /)
    expect(await client.frames()).toEqual([{ kind: 'close', code, reason: anyReason }])
    expect(framesOfClient(await origin.received)).toEqual([{ kind: 'close', code, reason: anyReason }])
    expect(bench.records.find(({ kind }) => kind === 'connection.blocked')?.attributes).toMatchObject({
      'network.io.direction': 'transmit',
      'chaperone.decision': 'deny',
      'chaperone.websocket.close_code': code,
    })
  })

  test('behind a good frame has that frame pass, and nothing else', async () => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    rawClient(bench.port, Buffer.concat([masked('text', 'Hello'), Buffer.from('GET / HTTP/1.1\r\n\r\n')]))
    expect(framesOfClient(await origin.received)).toEqual([
      { kind: 'text', first: true, final: true, payload: Buffer.from('Hello') },
      { kind: 'close', code: 1002, reason: anyReason },
    ])
  })

  test('behind its close has nothing of it pass', async () => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    const close = websocket.encodeFrame({ kind: 'close', code: 1000, reason: '' }, hex('37fa213d'))
    rawClient(bench.port, Buffer.concat([close, Buffer.from('GET / HTTP/1.1\r\n\r\n')]))
    const socket = await origin.opened
    await once(socket, 'data')
    socket.write(hex('880203e8'))
    expect(framesOfClient(await origin.received)).toEqual([{ kind: 'close', code: 1000, reason: '' }])
    expect(bench.records.map(({ kind }) => kind)).not.toContain('connection.blocked')
  })

  test('and an upstream are told when the other goes away without a close', async () => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    const client = rawClient(bench.port)
    await client.head
    client.socket.destroy()
    expect(framesOfClient(await origin.received)).toEqual([
      { kind: 'close', code: 1001, reason: 'the client went away' },
    ])
  })
})

describe('an upstream that sends what is no frame', () => {
  test.each<[string, Buffer, number]>([
    ['HTTP', Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), 1002],
    ['a frame with a mask', masked('text', 'Hello'), 1002],
    ['compressed text that nobody asked for', hex('c107f248cdc9c90700'), 1002],
    ['text that is no UTF-8', hex('8102c328'), 1007],
  ])('%s is closed, so is the client, and nothing of it passes', async (_name, bytes, code) => {
    const origin = await rawUpstream()
    const bench = await start(origin.port, allow())
    const client = rawClient(bench.port)
    const socket = await origin.opened
    socket.write(bytes)
    expect(await client.frames()).toEqual([{ kind: 'close', code, reason: anyReason }])
    expect(framesOfClient(await origin.received)).toHaveLength(1)
    expect(bench.records.find(({ kind }) => kind === 'connection.blocked')?.attributes).toMatchObject({
      'network.io.direction': 'receive',
      'chaperone.reason': 'Unparseable',
    })
  })

  test.each<[string, (accept: string) => string]>([
    ['with another key', () => 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'],
    ['without a key', () => ''],
    [
      'with an extension',
      (accept) => `sec-websocket-accept: ${accept}\r\nsec-websocket-extensions: permessage-deflate\r\n`,
    ],
    [
      'with a protocol that nobody offered',
      (accept) => `sec-websocket-accept: ${accept}\r\nsec-websocket-protocol: shell\r\n`,
    ],
  ])('a handshake answered %s is no WebSocket', async (_name, answer) => {
    const origin = await rawUpstream(answer)
    const bench = await start(origin.port, allow())
    const client = rawClient(bench.port, masked('text', 'Hello'))
    expect(await client.head).toMatch(/^HTTP\/1\.1 502 /)
    expect(await origin.received).toHaveLength(0)
    expect(bench.records.find(({ kind }) => kind === 'response')?.attributes).toMatchObject({
      'chaperone.reason': 'UpstreamUnreachable',
      'http.response.status_code': 502,
    })
  })
})

describe('a handshake that is none', () => {
  test.each<[string, string]>([
    ['two keys', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'],
    ['another version too', 'Sec-WebSocket-Version: 8\r\n'],
    ['a protocol that is no token', 'Sec-WebSocket-Protocol: a b\r\n'],
    ['a key that stays on this connection', 'Connection: sec-websocket-key\r\n'],
  ])('with %s is refused and recorded before the upstream is dialled', async (_name, extra) => {
    const bench = await start(1, allow())
    const client = rawClient(bench.port, Buffer.alloc(0), extra)
    expect(await client.head).toMatch(/^HTTP\/1\.1 400 /)
    expect(bench.asked).toEqual([])
    expect(bench.records.map(({ kind }) => kind)).toEqual(['connection.blocked'])
  })
})
