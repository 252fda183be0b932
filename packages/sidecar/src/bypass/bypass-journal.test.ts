import { expect, test } from '@jest/globals'
import pino from 'pino'
import { createFakeClock } from '@chaperone/testkit'
import type { Attributes } from '../engine/engine.ts'
import { createSyntheticPool } from '../names/synthetic-pool.ts'
import { createBypassJournal } from './bypass-journal.ts'

function setUp() {
  const clock = createFakeClock()
  const pool = createSyntheticPool()
  const recorded: Attributes[] = []
  const recorder = {
    append(kind: string, attributes: Attributes) {
      if (kind === 'bypass.attempt') recorded.push(attributes)
      return Promise.resolve(recorded.length)
    },
  }
  const log = pino({ level: 'silent' })
  return { clock, pool, recorded, journal: createBypassJournal({ recorder, clock, log }, { pool, ownUids: [5, 4] }) }
}

test('an attempt is recorded with what is known of it: a synthetic address is the name that it stands for', () => {
  const { pool, recorded, journal } = setUp()
  const { v4 } = pool.addressOf({ name: 'api.example.test', aliases: [] })
  journal.attempted({ vector: 'quic', destination: { address: v4, port: 443 }, uid: 2000 })
  journal.attempted({ vector: 'raw' })
  expect(JSON.parse(JSON.stringify(recorded))).toEqual([
    {
      'chaperone.bypass.vector': 'quic',
      'network.transport': 'udp',
      'network.protocol.name': 'quic',
      'server.address': 'api.example.test',
      'server.port': 443,
      'process.user.id': 2000,
      'chaperone.decision': 'deny',
      'chaperone.message': 'a datagram was sent to the port of QUIC',
    },
    {
      'chaperone.bypass.vector': 'raw',
      'chaperone.decision': 'deny',
      'chaperone.message': 'a raw socket was opened',
    },
  ])
})

test('what the sidecar and verify do is no attempt', () => {
  const { recorded, journal } = setUp()
  for (const uid of [4, 5]) journal.attempted({ vector: 'icmp', uid })
  expect([recorded, journal.counts.icmp]).toEqual([[], 0])
})

test('a flood is counted, and recorded now and then: the next record says how many there were in between', async () => {
  const { clock, recorded, journal } = setUp()
  for (let n = 0; n < 1000; n += 1) journal.attempted({ vector: 'udp', uid: 2000 })
  journal.attempted({ vector: 'icmp', uid: 2000 })
  expect(recorded.map((each) => each['chaperone.bypass.vector'])).toEqual([...Array<string>(10).fill('udp'), 'icmp'])
  await clock.advance(2000)
  journal.attempted({ vector: 'udp', uid: 2000 })
  expect(recorded.at(-1)).toMatchObject({ 'chaperone.bypass.vector': 'udp', 'chaperone.bypass.suppressed': 990 })
  expect(journal.counts).toMatchObject({ udp: 1001, icmp: 1 })
})
