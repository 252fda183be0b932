import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { agentUid, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import { tunnels } from './names.ts'
import { moves, namesOfTheCluster, rebinding } from './rebinding.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

/** A page through the sidecar; some take as long as a remembered answer lives. */
const pageMs = 30_000

describe('names', () => {
  beforeAll(async () => {
    for (const move of moves) await move.begin(pod)
  }, pageMs)

  test.each([...tunnels, ...rebinding])(
    '$name reaches nobody outside',
    async (vector) => expect(await vector.run(pod)).toEqual([]),
    pageMs,
  )

  test.each(namesOfTheCluster)('$name', async (vector) => expect(await vector.run(pod)).toEqual([]), pageMs)

  test.each(['HTTPS', 'SVCB', 'TXT', 'ANY'])(
    'a question of type %s has no answer, also about an allowed host',
    async (kind) => {
      expect(await pod.agent.value('ask', { name: 'steady.test', kind })).toEqual({ code: 0, answers: 0 })
    },
  )
})

/** Records are written and shipped in batches. */
const recordMs = 30_000

/** The guard leads a datagram to where it is seen about once a second, whoever sent it. */
const retryMs = 500

/** Sends until it is on record. */
async function sendUntilRecorded(args: object, attributes: Readonly<Record<string, unknown>>): Promise<void> {
  for (const deadline = Date.now() + recordMs; Date.now() < deadline; await delay(retryMs)) {
    await pod.agent.value('keep_sending', { ...args })
    if (await pod.isRecorded('bypass.attempt', attributes)) return
  }
  throw new Error('it is not on record')
}

describe('an attempt is found in the audit log:', () => {
  test(
    'a connection to the listener itself',
    async () => {
      await pod.agent.call('tcp', { address: '127.0.0.1', port: 15_001 })
      await pod.recorded('bypass.attempt', { 'chaperone.bypass.vector': 'listener', 'process.user.id': agentUid })
    },
    recordMs,
  )

  test(
    'a protocol that nobody knows',
    async () => {
      await pod.agent.call('tcp', { address: '192.0.2.1', port: 4444 })
      await pod.recorded('connection.blocked', {
        'server.address': '192.0.2.1',
        'server.port': 4444,
        'process.user.id': agentUid,
      })
    },
    recordMs,
  )

  test.each([
    ['QUIC', { address: '192.0.2.7', port: 443 }, { vector: 'quic', transport: 'udp' }],
    ['any other datagram', { address: '192.0.2.7', port: 4433 }, { vector: 'udp', transport: 'udp' }],
    ['a datagram over IPv6', { address: '2001:db8::7', port: 4433 }, { vector: 'udp', transport: 'udp' }],
    ['UDP-Lite', { address: '192.0.2.7', port: 4433, protocol: 136 }, { vector: 'udplite', transport: 'udplite' }],
    ['a question to another name server', { address: '192.0.2.7', port: 53 }, { vector: 'dns' }],
  ])(
    '%s, with destination and sender',
    async (_, args, { vector, transport }: { vector: string; transport?: string }) => {
      await sendUntilRecorded(args, {
        'chaperone.bypass.vector': vector,
        ...(transport === undefined ? {} : { 'network.transport': transport }),
        'server.address': args.address,
        'server.port': args.port,
        'process.user.id': agentUid,
        'chaperone.decision': 'deny',
      })
    },
    recordMs,
  )

  test(
    'an echo request, with destination and sender',
    async () => {
      const args = { address: '192.0.2.7', port: 0, protocol: 1 }
      await sendUntilRecorded(args, {
        'chaperone.bypass.vector': 'icmp',
        'server.address': '192.0.2.7',
        'process.user.id': agentUid,
      })
    },
    recordMs,
  )

  test(
    'a question over TCP to another name server',
    async () => {
      await pod.agent.call('ask', { name: 'steady.test', server: '192.0.2.8', transport: 'tcp' })
      await pod.recorded('bypass.attempt', {
        'chaperone.bypass.vector': 'dns',
        'server.address': '192.0.2.8',
        'server.port': 53,
        'process.user.id': agentUid,
      })
    },
    recordMs,
  )

  test(
    'a raw socket, which only who was given the capability can open',
    async () => {
      await pod.rawAgent.value('keep_raw', { protocol: 253 })
      await pod.recorded('bypass.attempt', { 'chaperone.bypass.vector': 'raw', 'process.user.id': agentUid })
    },
    recordMs,
  )

  test(
    'a forbidden address behind an allowed name',
    async () => {
      await pod.outside.value('answer', { name: 'inside.wild.test', addresses: ['169.254.169.254'] })
      await pod.agent.value('page', { host: 'inside.wild.test' })
      await pod.recorded('response', {
        'server.address': 'inside.wild.test',
        'chaperone.reason': 'DestinationForbidden',
      })
    },
    recordMs,
  )

  test.each([
    ['a name that no rule names', { name: 'unnamed.tunnel.test' }],
    ['a name that is no host name', { name: 'data_below.tunnel.test' }],
    ['a type that nobody needs', { name: 'texts.tunnel.test', kind: 'TXT' }],
  ])(
    '%s',
    async (_, question) => {
      await pod.agent.call('ask', question)
      await pod.recorded('dns', { 'dns.question.name': question.name, 'chaperone.decision': 'deny' })
    },
    recordMs,
  )

  test(
    'more questions than anybody asks, none of which gets out',
    async () => {
      await pod.sandbox.frames()
      await pod.agent.value('flood', { name: 'flood.wild.test' })
      expect(await pod.sandbox.frames()).toEqual([])
      await pod.recorded('dns', { 'chaperone.reason': 'LimitExceeded' })
    },
    recordMs,
  )
})
