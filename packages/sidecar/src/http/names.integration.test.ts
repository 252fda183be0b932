// Every name that a connection and its requests carry, from the first byte on: SNI, Host, :authority and the request target.
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createTestAuthority, type TestAuthority } from '@chaperone/testkit'
import { helloBytes, inRecordsOfOneByte } from '../detect/testdata/hello-bytes.ts'
import { createAddressRules } from '../upstream/address-class.ts'
import { allow, closeAll, closers, host, raw, start, upstream } from './testdata/http-bench.ts'
import { byteByByte, connectHttp2OverTls, other, overTls, secureUpstream } from './testdata/tls-bench.ts'

afterEach(closeAll)
let authority: TestAuthority
beforeAll(async () => {
  authority = await createTestAuthority()
})

const both = allow({ to: { hosts: [host, other], ports: [80, 443] } })
const literal = { target: { host: '203.0.113.9', port: 443 }, nameFrom: 'literal' as const }

/** The status of a stream; `reset` where it has none. */
function statusOf(session: ClientHttp2Session, headers: Record<string, string>): Promise<unknown> {
  const stream = session.request(headers)
  return new Promise((resolve) => {
    stream.once('response', (head) => resolve(head[':status']))
    stream.once('error', () => resolve('reset'))
    stream.resume()
  })
}

describe('over TLS, to the address that stands for the host,', () => {
  test.each([
    ['another allowed name in SNI', { sni: other, authority: other }, 'refused'],
    ['another name in SNI', { sni: 'evil.test', authority: host }, 'refused'],
    ['another allowed name in Host', { sni: host, authority: other }, '421'],
    ['another allowed name in Host, without SNI', { authority: other }, '421'],
    ['an address in Host', { sni: host, authority: '169.254.169.254' }, '421'],
    ['another port in Host', { sni: host, authority: `${host}:22` }, '421'],
  ])('%s is refused, and nothing is dialled', async (_name, names, status) => {
    const origin = await secureUpstream(authority)
    const bench = await start(origin.port, both, { authority, whole: true })
    expect(await overTls(bench.port, authority, names)).toBe(status)
    expect({ dialled: bench.dialled, seen: origin.seen }).toEqual({ dialled: [], seen: [] })
    expect((await bench.recorded('connection.blocked')).attributes).toMatchObject({
      'chaperone.reason': 'NameMismatch',
    })
  })

  test.each([
    ['SNI and Host as looked up', { sni: host, authority: host }],
    ['no SNI, and Host as looked up', { authority: host }],
    ['SNI and Host in other letters', { sni: 'API.Example.TEST', authority: 'Api.Example.Test' }],
    ['Host with a trailing dot', { sni: host, authority: `${host}.` }],
    ['Host with the port', { sni: host, authority: `${host}:443` }],
  ])('%s leads to the host, and is sent in one spelling', async (_name, names) => {
    const origin = await secureUpstream(authority)
    const bench = await start(origin.port, both, { authority, whole: true })
    expect(await overTls(bench.port, authority, names)).toBe('200')
    expect({ dialled: bench.dialled, seen: origin.seen }).toEqual({
      dialled: [{ host, port: 443 }],
      seen: [`${host}/`],
    })
  })

  test('streams of HTTP/2 are judged one by one: another :authority is refused, and the next is served', async () => {
    const origin = await secureUpstream(authority)
    const bench = await start(origin.port, both, { authority, whole: true })
    const session = connectHttp2OverTls(bench.port, authority)
    const statuses = []
    for (const named of [other, 'evil.test', `${host}:22`, host])
      statuses.push(await statusOf(session, { ':path': '/', ':authority': named }))
    expect(statuses).toEqual([421, 421, 421, 200])
    expect({ dialled: bench.dialled, seen: origin.seen }).toEqual({
      dialled: [{ host, port: 443 }],
      seen: [`${host}/`],
    })
  })

  test.each([
    ['an address as SNI', helloBytes({ serverName: '203.0.113.9' })],
    ['SNI with a trailing dot', helloBytes({ serverName: `${host}.` })],
    ['SNI with a NUL', helloBytes({ serverName: `${host}\0.evil.test` })],
    ['an empty SNI', helloBytes({ serverName: '' })],
    ['an encrypted hello behind the name of a stranger', helloBytes({ serverName: 'front.test', encrypted: true })],
  ])('%s is refused in TLS, and nothing is dialled', async (_name, hello) => {
    const bench = await start(1, both, { authority, whole: true })
    // A fatal alert: unrecognized_name.
    expect(Buffer.from(await raw(bench.port, hello, 'close'), 'latin1').toString('hex')).toBe('15030300020270')
    expect(bench.dialled).toEqual([])
  })

  test('an encrypted hello behind the name of the host is read by the name in the clear, and never passed on', async () => {
    const bench = await start(1, both, { authority, whole: true })
    const answer = Buffer.from(
      await raw(bench.port, helloBytes({ serverName: host, encrypted: true }), 'close'),
      'latin1',
    )
    // A handshake record of ours: its sender is told that we are the server, or that its key share is not to be used.
    expect(answer[0]).toBeDefined()
    expect(bench.dialled).toEqual([])
  })
})

describe('a ClientHello in pieces', () => {
  test.each([
    ['in segments of one byte', (record: Buffer) => record],
    ['in records of one byte', inRecordsOfOneByte],
  ])('%s that names another host is refused, and one that names the host is served', async (_name, cut) => {
    const origin = await secureUpstream(authority)
    const bench = await start(origin.port, both, { authority, whole: true })
    const wrap = (socket: Socket): Duplex => byteByByte(socket, cut)
    expect(await overTls(bench.port, authority, { sni: other, authority: other, wrap })).toBe('refused')
    expect(bench.dialled).toEqual([])
    expect(await overTls(bench.port, authority, { sni: host, authority: host, wrap })).toBe('200')
    expect(origin.seen).toEqual([`${host}/`])
  })
})

describe('old and unknown forms of TLS', () => {
  test.each([
    [
      'SSL 2.0',
      Buffer.from('802e0100020015000000100100800200800300800400800500800600400700c0' + '00'.repeat(16), 'hex'),
    ],
    [
      'an SSL 2.0 hello that offers TLS',
      Buffer.from('802e0103010015000000100000390000380000350000160000130000' + '00'.repeat(20), 'hex'),
    ],
    ['SSL 3.0', helloBytes({ version: 0x0300, serverName: host })],
    ['TLS 1.0', helloBytes({ version: 0x0301, serverName: host })],
    ['TLS 1.1', helloBytes({ version: 0x0302, serverName: host })],
    ['DTLS', Buffer.from('16fefd000000000000000000' + '00'.repeat(20), 'hex')],
  ])('%s is refused, and nothing is dialled', async (_name, hello) => {
    const bench = await start(1, both, { authority, whole: true })
    const answer = Buffer.from(await raw(bench.port, hello, 'close').catch(() => ''), 'latin1')
    // A reset, or an alert: protocol_version or handshake_failure.
    expect(answer.toString('hex')).toMatch(/^$|^1503..0002022[8e]$|^1503..00020246$/)
    expect(bench.dialled).toEqual([])
  })
})

describe('HTTP/2 without TLS, by prior knowledge,', () => {
  const open = (port: number): ClientHttp2Session => {
    const session = connectHttp2(`http://${host}:443`, { createConnection: () => connect(port, '127.0.0.1') })
    closers.push(() => session.destroy())
    return session
  }
  test('is judged stream by stream: another :authority or Host is refused, and the next stream is served', async () => {
    const origin = await upstream((_request, response) => response.end('fine'))
    const bench = await start(origin.port, both, { whole: true })
    const session = open(bench.port)
    for (const headers of [
      { ':authority': other },
      { ':authority': 'evil.test' },
      { ':authority': `${host}:22` },
      { ':authority': host, host: other },
    ])
      expect(await statusOf(session, { ':path': '/', ...headers })).toBe(421)
    for (const headers of [
      { ':authority': `x@${host}` },
      { ':authority': `${host},${other}` },
      { ':authority': '0x7f.1' },
    ])
      expect([400, 421, 'reset']).toContain(await statusOf(session, { ':path': '/', ...headers }))
    expect({ dialled: bench.dialled, seen: origin.received() }).toEqual({ dialled: [], seen: '' })
    expect(await statusOf(session, { ':path': '/good', ':authority': 'API.example.test.' })).toBe(200)
    expect(bench.dialled).toEqual([{ host, port: 443 }])
    expect(origin.received().match(/^GET .*|^host: .*/gm)).toEqual(['GET /good HTTP/1.1', `host: ${host}:443`])
  })
})

describe('to a bare address under a rule for every host', () => {
  const everything = allow({ to: { hosts: ['*'], ports: [80, 443] } })
  const rules = createAddressRules([], () => [])

  test.each([
    '2852039166',
    '0xa9fea9fe',
    '0xA9FEA9FE',
    '025177524776',
    '0251.0376.0251.0376',
    '0xa9.0xfe.0xa9.0xfe',
    '169.254.43518',
    '169.16689662',
    '127.1',
    '0',
    '[fe80::1%25eth0]',
    '[fe80::1%eth0]',
    '[::ffff:169.254.169.254',
    '169.254.169.254:80:80',
    'ⓔvil.test',
    'evil.test%00.api.example.test',
    'api.example.test evil.test',
    '',
  ])('the Host %j means nothing, and nothing is dialled', async (name) => {
    const bench = await start(1, everything, { origin: literal, whole: true })
    const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)
    expect(await raw(bench.port, request, 'close')).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(bench.dialled).toEqual([])
  })

  test.each([
    '169.254.169.254',
    '169.254.169.254.',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[::a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
  ])('the Host %s is an address, which the dialer refuses however it is spelt', async (name) => {
    const bench = await start(1, everything, { origin: literal, whole: true })
    await raw(bench.port, `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`, 'close')
    const [dialled] = bench.dialled
    expect(rules.objection(dialled!.host, { authority: 'elsewhere', apiServer: [] })).toContain('cloud metadata')
  })

  test('the name in SNI, or in Host without TLS, is dialled, and not the address', async () => {
    const origin = await secureUpstream(authority)
    const bench = await start(origin.port, everything, { origin: literal, authority, whole: true })
    expect(await overTls(bench.port, authority, { sni: host, authority: host })).toBe('200')
    expect(await overTls(bench.port, authority, { sni: host, authority: other })).toBe('421')
    expect(bench.dialled).toEqual([{ host, port: 443 }])
  })
})

describe('behind an explicit proxy, which is sent URLs,', () => {
  const proxied = { target: { host, port: 80 }, nameFrom: 'proxy' as const }

  test.each([
    ['another allowed host', `http://${other}/`, host],
    ['a host that Host contradicts', `http://${host}/`, other],
    ['a port that is not that of the connection', `http://${host}:22/`, `${host}:22`],
    ['userinfo', `http://x@${host}/`, host],
    ['userinfo that looks like the host', `http://${host}@evil.test/`, host],
    ['another scheme', `https://${host}/`, host],
    ['a scheme that nobody knows', `gopher://${host}/`, host],
    ['a fragment', `http://${host}/#/../admin`, host],
    ['a backslash for a slash', `http://${host}\\@evil.test/`, host],
    ['no slashes', `http:${host}/`, host],
    ['an address in another spelling', 'http://2852039166/', '2852039166'],
  ])('a URL with %s is refused, and nothing is dialled', async (_name, url, named) => {
    const bench = await start(1, both, { origin: proxied, whole: true })
    const request = `GET ${url} HTTP/1.1\r\nHost: ${named}\r\nConnection: close\r\n\r\n`
    expect(await raw(bench.port, request, 'close')).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(bench.dialled).toEqual([])
  })

  test('a URL of the host goes upstream as a path', async () => {
    const origin = await upstream((_request, response) => response.end('fine'))
    const bench = await start(origin.port, both, { origin: proxied, whole: true })
    const request = `GET HTTP://Api.Example.Test./a?b HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    expect(await raw(bench.port, request, 'close')).toMatch(/^HTTP\/1\.1 200 /)
    expect(bench.dialled).toEqual([{ host, port: 80 }])
    expect(origin.received()).toBe(`GET /a?b HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n\r\n`)
  })
})

describe('an answer that leads elsewhere', () => {
  test.each([301, 302, 303, 307, 308])(
    'with status %d goes to the agent, and is followed by nobody here',
    async (status) => {
      const origin = await upstream((_request, response) => {
        response.writeHead(status, { location: 'http://169.254.169.254/latest/meta-data/' }).end()
      })
      const bench = await start(origin.port, both, { whole: true })
      const answer = await raw(bench.port, `GET /go HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'close')
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
      expect(answer).toContain('location: http://169.254.169.254/latest/meta-data/')
      expect(bench.dialled).toEqual([{ host, port: 443 }])
      expect(origin.received().match(/^GET .*/gm)).toEqual(['GET /go HTTP/1.1'])
    },
  )
})
