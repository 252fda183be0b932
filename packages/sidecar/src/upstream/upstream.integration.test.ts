import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '@chaperone/core'
import { createTestAuthority } from '@chaperone/testkit'
import { dns } from '@chaperone/wire'
import { UpstreamError } from '../errors.ts'
import { createAddressRules } from './address-class.ts'
import { createUpstreamDialer } from './create-upstream-dialer.ts'
import { createNameResolver } from './resolver.ts'

const signal = new AbortController().signal
const records = new Map([
  ['api.test', '127.0.0.1'],
  ['db.agents.svc.test', '127.0.0.1'],
  ['inside.test', '169.254.169.254'],
])
const asked: string[] = []
let nameServer: UdpSocket
let upstream: Server
let port: number
let caPem: string

beforeAll(async () => {
  nameServer = createSocket('udp4').on('message', (message, peer) => {
    const query = dns.decodeQuery(message)
    asked.push(query.name)
    const address = query.type === dns.recordType.A ? records.get(query.name) : undefined
    const answer =
      address !== undefined
        ? dns.encodeAddresses(query, [Uint8Array.from(address.split('.').map(Number))], 30)
        : records.has(query.name)
          ? dns.encodeAddresses(query, [], 30)
          : dns.encodeFailure(query, dns.responseCode.nameError)
    nameServer.send(answer, peer.port, peer.address)
  })
  nameServer.bind(0, '127.0.0.1')
  await once(nameServer, 'listening')
  const authority = await createTestAuthority()
  caPem = authority.certificate
  const { key, certificate: cert } = await authority.issue('api.test', '127.0.0.1')
  upstream = createServer({ key, cert }, (socket) => socket.end('hello'))
  upstream.on('tlsClientError', () => undefined)
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  port = (upstream.address() as AddressInfo).port
})
afterAll(() => {
  nameServer.close()
  upstream.close()
})

const dialer = (caBundle = caPem) =>
  createUpstreamDialer({
    resolver: createNameResolver(
      { nameservers: [`127.0.0.1:${nameServer.address().port}`], search: ['agents.svc.test'] },
      [{ host: 'pinned.test', port, address: '127.0.0.1' }],
      systemClock,
    ),
    rules: createAddressRules([], () => []),
    caBundle: () => caBundle,
  })
const cidrs = ['127.0.0.0/8']
const reasonOf = async (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'connected',
    (error: unknown) => (error instanceof UpstreamError ? error.reason : String(error)),
  )

describe('connecting', () => {
  test('goes to our own resolution of the name', async () => {
    const socket = await dialer().connect({ host: 'api.test', port }, { cidrs, signal })
    expect(socket.remoteAddress).toBe('127.0.0.1')
    socket.destroy()
  })

  test('finds short names below the search suffixes', async () => {
    const socket = await dialer().connect({ host: 'db', port }, { cidrs, signal })
    socket.destroy()
    expect(asked).toContain('db.agents.svc.test')
  })

  test('a public name is asked as it is before it is asked below a suffix', async () => {
    asked.length = 0
    await reasonOf(dialer().connect({ host: 'nowhere.com', port }, { signal }))
    expect([...new Set(asked)]).toEqual(['nowhere.com', 'nowhere.com.agents.svc.test'])
  })

  test('is refused where the name resolves to a forbidden address', async () => {
    expect(await reasonOf(dialer().connect({ host: 'inside.test', port: 80 }, { signal }))).toBe('DestinationForbidden')
    expect(await reasonOf(dialer().connect({ host: 'api.test', port }, { signal }))).toBe('DestinationForbidden')
    expect(await reasonOf(dialer().connect({ host: '127.0.0.1', port }, { signal }))).toBe('DestinationForbidden')
  })

  test('an override of the configuration is believed', async () => {
    const socket = await dialer().connect({ host: 'pinned.test', port }, { signal })
    expect(socket.remotePort).toBe(port)
    socket.destroy()
  })

  test('a name or port where nobody is says so', async () => {
    expect(await reasonOf(dialer().connect({ host: 'nowhere.com', port }, { signal }))).toBe('UpstreamUnreachable')
    expect(await reasonOf(dialer().connect({ host: 'api.test', port: 1 }, { cidrs, signal }))).toBe(
      'UpstreamUnreachable',
    )
  })
})

describe('securing', () => {
  const secured = async (servername: string, caBundle?: string) => {
    const side = dialer(caBundle)
    const socket = await side.connect({ host: 'api.test', port }, { cidrs, signal })
    return side.secure(socket, { servername, signal })
  }

  test.each(['api.test', '127.0.0.1'])(
    'a certificate for %s of an authority that the policy names is accepted',
    async (name) => {
      const socket = await secured(name)
      expect(socket.authorized).toBe(true)
      expect(String((await once(socket, 'data'))[0])).toBe('hello')
      socket.destroy()
    },
  )

  test('a certificate of an unknown authority, or for another name, is not', async () => {
    expect(await reasonOf(secured('api.test', ''))).toBe('UpstreamUntrusted')
    expect(await reasonOf(secured('other.test'))).toBe('UpstreamUntrusted')
  })

  test('an upstream that does not speak TLS is unreachable', async () => {
    const plain = createUpstreamDialer({
      resolver: createNameResolver({ nameservers: [], search: [] }, [], systemClock),
      rules: createAddressRules([], () => []),
      caBundle: () => '',
    })
    const { createServer: createPlain } = await import('node:net')
    const server = createPlain((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port: plainPort } = server.address() as AddressInfo
    const socket = await plain.connect({ host: '127.0.0.1', port: plainPort }, { cidrs, signal })
    expect(await reasonOf(plain.secure(socket, { servername: 'x.test', signal }))).toBe('UpstreamUnreachable')
    server.close()
  })
})
