import { once } from 'node:events'
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { connect, createServer as createTcp } from 'node:net'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { maxJudgedBodyBytes } from './limits.ts'
import { allow, closeAll, closers, curl, host, listen, raw, start, upstream } from './testdata/http-bench.ts'

afterEach(closeAll)

describe('names', () => {
  test.each([
    ['another Host', 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n'],
    ['another port', `GET / HTTP/1.1\r\nHost: ${host}:22\r\n\r\n`],
    ['two Hosts', `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: evil.test\r\n\r\n`],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['userinfo', `GET / HTTP/1.1\r\nHost: x@${host}\r\n\r\n`],
    ['an absolute form', `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['CONNECT', `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    ['TRACE', `TRACE / HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
    [
      'h2c upgrade',
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    ],
    ['an encoded slash', `GET /a%2f..%2fadmin HTTP/1.1\r\nHost: ${host}\r\n\r\n`],
  ])('%s is refused and nothing reaches the upstream', async (_name, request) => {
    const origin = await upstream((_request, response) => response.end('secret'))
    const { port } = await start(origin.port, allow())
    expect(await raw(port, request)).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(origin.bytes()).toBe(0)
  })
})

describe('what was judged is what goes', () => {
  test('a field that Connection names is neither judged nor forwarded', async () => {
    const origin = await upstream((request, response) => response.end(`type=${request.headers['content-type']}`))
    const bench = await start(origin.port, allow())
    const answer = await curl(bench.port, '-H', 'Connection: content-type', '-H', 'Content-Type: application/json')
    expect(answer).toContain('type=undefined')
    expect(bench.asked[0]?.action).toMatchObject({ http: { headers: {} } })
    expect(JSON.stringify(bench.asked[0]?.action)).not.toContain('content-type')
  })

  test.each([
    ['another method than GET', 'POST', ''],
    ['a body', 'GET', 'Content-Length: 3\r\n'],
  ])('a WebSocket handshake with %s is refused and nothing reaches the upstream', async (_name, method, framing) => {
    const origin = await upstream((_request, response) => response.end())
    const { port } = await start(origin.port, allow())
    const request = `${method} / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${framing}\r\n`
    expect(await raw(port, request)).toMatch(/^HTTP\/1\.1 400 /)
    expect(origin.bytes()).toBe(0)
  })

  test('another name for the target is the target', async () => {
    const origin = await upstream((request, response) => response.end(`host=${request.headers.host}`))
    const { port } = await start(origin.port, allow(), { aliases: [`${host}.cluster.local`] })
    const request = `GET / HTTP/1.1\r\nHost: ${host}.cluster.local\r\nConnection: close\r\n\r\n`
    expect(await raw(port, request, 'close')).toMatch(/^HTTP\/1\.1 200 [^]*host=api\.example\.test:443/)
  })

  test('header values outside ASCII arrive byte for byte', async () => {
    const origin = await listen(
      createTcp((socket) =>
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\nX-Name: \u017c\u00f3\u0142\u0107 \u20ac\r\nContent-Length: 0\r\n\r\n'),
        ),
      ),
    )
    const { port } = await start(origin, allow())
    const answer = await raw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect(Buffer.from(answer, 'latin1').toString('utf8')).toContain('x-name: \u017c\u00f3\u0142\u0107 \u20ac')
  })
})

describe('the record', () => {
  test('tells of a body that was too large to judge', async () => {
    const bench = await start(1, [{ name: 'ask', to: { hosts: [host] }, action: 'Approve' }])
    const body = 'x'.repeat(maxJudgedBodyBytes + 1)
    await raw(bench.port, `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    expect(bench.records).toContainEqual(
      expect.objectContaining({
        kind: 'connection.blocked',
        attributes: expect.objectContaining({ 'chaperone.reason': 'BodyTooLarge' }) as object,
      }),
    )
  })

  test('tells of an answer that was withheld', async () => {
    const origin = await upstream((_request, response) => {
      response.setHeader('content-type', 'application/octet-stream')
      response.end('ada@example.com')
    })
    const bench = await start(origin.port, allow({ mask: ['pii'] }))
    await curl(bench.port)
    expect((await bench.recorded('response')).attributes).toMatchObject({
      'chaperone.request.seq': 1,
      'chaperone.reason': 'MaskingFailed',
      'http.response.status_code': 502,
    })
  })

  test('failing is named as the reason of a refusal', async () => {
    const bench = await start(1, allow(), { auditFails: true })
    expect(await raw(bench.port, `TRACE / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 503 /)
  })
})

describe('a slow client', () => {
  test('that never finishes its head is told so and closed', async () => {
    const bench = await start(1, allow(), { timeouts: { headMs: 50, checkMs: 10 } })
    expect(await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n`, 'close')).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('that never finishes its TLS handshake is closed', async () => {
    const bench = await start(1, allow(), {
      authority: await createTestAuthority(),
      timeouts: { handshakeMs: 50 },
    })
    const socket = connect(bench.port, '127.0.0.1')
    closers.push(() => socket.destroy())
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined).resume()
    // The beginning of a handshake record whose rest never comes.
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x01, 0x00, 0x01]))
    await closed
  })

  test.each([
    ['that opens no stream', { headMs: 50 }, () => undefined],
    [
      'whose last stream has ended, pings or not',
      { keepAliveMs: 50 },
      (session: ClientHttp2Session) => {
        session
          .request({ ':path': '/' })
          .on('close', () => session.ping(() => undefined))
          .resume()
      },
    ],
  ])('of HTTP/2 %s is closed', async (_name, timeouts, act) => {
    const origin = await upstream((_request, response) => response.end('fine'))
    const bench = await start(origin.port, allow(), { timeouts })
    const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(bench.port, '127.0.0.1') })
    closers.push(() => session.destroy())
    const closed = once(session, 'close')
    act(session)
    await closed
  })

  test('of HTTP/2 that never ends its request loses the stream, and only that', async () => {
    const origin = await upstream((request, response) => {
      if (request.method === 'GET') response.end('fine')
    })
    const bench = await start(origin.port, allow(), { timeouts: { headMs: 50, requestMs: 50 } })
    const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(bench.port, '127.0.0.1') })
    closers.push(() => session.destroy())
    const endless = session.request({ ':path': '/', ':method': 'POST' }).on('error', () => undefined)
    endless.write('a')
    await once(endless, 'close')
    expect(endless.rstCode).toBe(constants.NGHTTP2_CANCEL)
    const [head] = (await once(session.request({ ':path': '/' }), 'response')) as [Record<string, unknown>]
    expect(head[':status']).toBe(200)
  })

  test('with a head that is too large is told so', async () => {
    const bench = await start(1, allow())
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`
    expect(await raw(bench.port, request)).toMatch(/^HTTP\/1\.1 431 /)
  })
})
