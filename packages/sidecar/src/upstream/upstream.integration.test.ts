import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '@chaperone/core'
import { createTestAuthority } from '@chaperone/testkit'
import { dns } from '@chaperone/wire'
import { UpstreamError } from '../errors.ts'
import { createClusterNames } from '../names/cluster-names.ts'
import { createAddressRules } from './address-class.ts'
import { createApiServerAddresses } from './api-server-addresses.ts'
import { createUpstreamDialer } from './create-upstream-dialer.ts'
import { createNameResolver } from './resolver.ts'

const signal = new AbortController().signal
const records = new Map([
  ['api.test', '127.0.0.1'],
  ['db.agents.svc.cluster.test', '127.0.0.1'],
  ['hijacked.test', '127.0.0.1'],
  ['inside.test', '169.254.169.254'],
  ['private.test', '10.1.2.3'],
  ['own.agents.svc.cluster.test', '10.1.2.3'],
  ['found.test.node.test', '10.1.2.3'],
  ['gone.com.agents.svc.cluster.test', '10.1.2.3'],
  ['db.prod.svc.cluster.test', '10.1.2.3'],
  ['db.prod.agents.svc.cluster.test', '127.0.0.1'],
  ['db.prod.svc.agents.svc.cluster.test', '127.0.0.1'],
  ['kubernetes.default.svc.cluster.test', '203.0.113.6'],
  ['front.test', '203.0.113.6'],
  ['external.agents.svc.cluster.test', '203.0.113.6'],
  ['told.agents.svc.cluster.test', '10.96.0.1'],
])
const asked: string[] = []
/** From how many ports a question about `hijacked.test` has come; those before the third meet the agent's DNS. */
const hijackedPorts = new Set<number>()
let nameServer: UdpSocket
let upstream: Server
let port: number
let caPem: string

beforeAll(async () => {
  nameServer = createSocket('udp4').on('message', (message, peer) => {
    const query = dns.decodeQuery(message)
    asked.push(query.name)
    if (query.name === 'hijacked.test') hijackedPorts.add(peer.port)
    const isHijacked = query.name === 'hijacked.test' && hijackedPorts.size < 3
    const known = isHijacked ? '240.240.0.7' : records.get(query.name)
    const address = query.type === dns.recordType.A ? known : undefined
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

const search = ['agents.svc.cluster.test', 'svc.cluster.test', 'cluster.test', 'node.test']
const names = createClusterNames(search)
const dialer = (caBundle = caPem, overrides = [{ host: 'pinned.test', port, address: '127.0.0.1' }]) => {
  const nameservers = [`127.0.0.1:${nameServer.address().port}`]
  const resolver = createNameResolver({ nameservers, search }, overrides, systemClock)
  return createUpstreamDialer({
    resolver,
    names,
    apiServer: createApiServerAddresses(resolver, names.apiServer, ['10.96.0.1']),
    rules: createAddressRules([], () => []),
    caBundle: () => caBundle,
  })
}
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
    expect(asked).toContain('db.agents.svc.cluster.test')
  })

  test('a public name is asked as it is before it is asked below a suffix, and never in the namespace of the agent', async () => {
    asked.length = 0
    await reasonOf(dialer().connect({ host: 'nowhere.com', port }, { signal }))
    expect([...new Set(asked)].filter((name) => name.startsWith('nowhere'))).toEqual([
      'nowhere.com',
      ...search.slice(1).map((suffix) => `nowhere.com.${suffix}`),
    ])
  })

  test('a public name that is gone is not what the namespace of the agent makes of it', async () => {
    const gone = dialer().connect({ host: 'gone.com', port: 1 }, { signal: AbortSignal.abort() })
    await expect(gone).rejects.toMatchObject({ message: 'the name gone.com does not resolve' })
  })

  test('asks again from another port where the question was led to the DNS of the agent', async () => {
    const socket = await dialer().connect({ host: 'hijacked.test', port }, { cidrs, signal })
    expect(hijackedPorts.size).toBe(3)
    socket.destroy()
  })

  test('is refused where the name resolves to a forbidden address', async () => {
    expect(await reasonOf(dialer().connect({ host: 'inside.test', port: 80 }, { signal }))).toBe('DestinationForbidden')
    expect(await reasonOf(dialer().connect({ host: 'api.test', port }, { signal }))).toBe('DestinationForbidden')
    expect(await reasonOf(dialer().connect({ host: '127.0.0.1', port }, { signal }))).toBe('DestinationForbidden')
  })

  test.each([
    ['private.test', 'private'],
    // A suffix of the node's is not the cluster's.
    ['found.test', 'private'],
    ['front.test', 'API server'],
    ['external.agents.svc', 'API server'],
    ['told', 'API server'],
  ])('%s, whose address is not for its name, is refused, and the refusal says what to list', async (host, what) => {
    await expect(dialer().connect({ host, port: 1 }, { signal })).rejects.toMatchObject({
      reason: 'DestinationForbidden',
      message: expect.stringMatching(new RegExp(`${what}.*to\\.cidrs: \\["[0-9.]+/32"\\]`)) as unknown,
    })
  })

  test.each([
    ['private.test', ['10.0.0.0/8']],
    ['own.agents.svc', undefined],
    ['own', undefined],
    ['db.prod', undefined],
    ['db.prod', ['10.1.2.3/32']],
    ['db.prod.svc', ['10.1.2.3/32']],
    ['db.prod.svc.cluster.test', undefined],
    ['kubernetes.default.svc', undefined],
    ['front.test', ['203.0.113.6/32']],
  ])('%s may be dialled where its rule lists %s', async (host, ranges) => {
    const gone = { signal: AbortSignal.abort(), ...(ranges === undefined ? {} : { cidrs: ranges }) }
    expect(await reasonOf(dialer().connect({ host, port: 1 }, gone))).toBe('UpstreamUnreachable')
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
      names,
      apiServer: () => Promise.resolve([]),
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
