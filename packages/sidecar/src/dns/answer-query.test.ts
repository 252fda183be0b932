import { describe, expect, test } from '@jest/globals'
import { dns } from '@chaperone/wire'
import { createSyntheticPool } from '../names/synthetic-pool.ts'
import { addressBytes } from '../upstream/address-bytes.ts'
import { probeName } from '../verify/probe.ts'
import { answerQuery, type DnsWorld } from './answer-query.ts'

const search = ['agents.svc.cluster.local', 'svc.cluster.local', 'cluster.local']
const world = (named: (host: string) => boolean, extra: Partial<DnsWorld> = {}): DnsWorld => ({
  pool: createSyntheticPool(),
  search,
  isNamed: named,
  ipv6Only: false,
  ...extra,
})
const question = (name: string, type: number = dns.recordType.A): dns.DnsQuery => ({
  id: 7,
  recursionDesired: true,
  name,
  type,
  class: 1,
  question: Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0, 0, type, 0, 1]),
  ]),
  edns: false,
})
const codeOf = (response: Buffer) => response.readUInt16BE(2) & 0xf
const answersOf = (response: Buffer) => response.readUInt16BE(6)
const addressIn = (response: Buffer) => [...response.subarray(-4)].join('.')

describe('an address question', () => {
  test('for a name of a rule gives an address that stands for it', () => {
    const here = world((host) => host === 'api.test')
    const { standing, response } = answerQuery(question('api.test'), here)
    expect(standing).toBe('named')
    expect(here.pool.nameAt(addressIn(response))?.name).toBe('api.test')
  })

  test('for any other name too, so that the agent can be told why in its own protocol', () => {
    const here = world(() => false)
    const { standing, response } = answerQuery(question('evil.test'), here)
    expect(standing).toBe('unnamed')
    expect(here.pool.nameAt(addressIn(response))?.name).toBe('evil.test')
  })

  test('below a search suffix stands for the name that a rule knows', () => {
    const here = world((host) => host === 'db.prod.svc')
    for (const name of ['db.prod.svc.agents.svc.cluster.local', 'db.prod.svc.cluster.local']) {
      const { response } = answerQuery(question(name), here)
      expect(here.pool.nameAt(addressIn(response))?.name).toBe('db.prod.svc')
    }
    const { response } = answerQuery(question('db.prod.svc.cluster.local'), here)
    expect(here.pool.nameAt(addressIn(response))?.aliases).toContain('db.prod.svc.cluster.local')
  })

  test('below a search suffix that no rule knows does not exist, so that the resolver goes on', () => {
    const { standing, response } = answerQuery(
      question('api.test.agents.svc.cluster.local'),
      world(() => false),
    )
    expect(standing).toBe('nonexistent')
    expect(codeOf(response)).toBe(dns.responseCode.nameError)
  })

  test('under a rule for everything a resolver finds the name it was asked for', () => {
    const here = world(() => true)
    const { response } = answerQuery(question('api.test.agents.svc.cluster.local'), here)
    expect(here.pool.nameAt(addressIn(response))?.name).toBe('api.test')
    const full = answerQuery(question('db.prod.svc.cluster.local'), here)
    expect(here.pool.nameAt(addressIn(full.response))?.name).toBe('db.prod.svc.cluster.local')
  })

  test('in a pod without IPv4 gives IPv6', () => {
    const here = world(() => true, { ipv6Only: true })
    expect(answersOf(answerQuery(question('api.test'), here).response)).toBe(0)
    const { response } = answerQuery(question('api.test', dns.recordType.AAAA), here)
    expect(response.subarray(-16)).toEqual(Buffer.from(addressBytes('100::f0f0:1')))
  })

  test('for the machine itself is loopback, and the probe is answered whatever the policy', () => {
    expect(
      addressIn(
        answerQuery(
          question('localhost'),
          world(() => false),
        ).response,
      ),
    ).toBe('127.0.0.1')
    expect(
      answerQuery(
        question(probeName),
        world(() => false),
      ).standing,
    ).toBe('local')
  })
})

test.each(['AAAA', 'HTTPS', 'SVCB', 'TXT', 'SRV', 'ANY'] as const)('%s has no data, and makes no address', (type) => {
  const here = world(() => true)
  const { response } = answerQuery(question('api.test', dns.recordType[type]), here)
  expect([codeOf(response), answersOf(response), here.pool.size]).toEqual([0, 0, 0])
})

test('what is no host name does not exist', () => {
  expect(
    codeOf(
      answerQuery(
        question('a b.test'),
        world(() => true),
      ).response,
    ),
  ).toBe(dns.responseCode.nameError)
  expect(
    codeOf(
      answerQuery(
        question('10.0.0.1'),
        world(() => true),
      ).response,
    ),
  ).toBe(dns.responseCode.nameError)
})
