import { expect, test } from '@jest/globals'
import { createFakeClock } from '@chaperone/testkit'
import { createSyntheticPool } from '../names/synthetic-pool.ts'
import { probeQuestionName } from '../verify/probe.ts'
import { createDnsResponder } from './dns-responder.ts'

const query = Buffer.from('000701000001000000000000' + '03617069047465737400' + '00010001', 'hex')
const setUp = () => {
  const seen: string[] = []
  const clock = createFakeClock()
  const respond = createDnsResponder(
    { pool: createSyntheticPool(), search: [], isNamed: () => true, ipv6Only: false },
    {
      asked: (name, _type, standing) => void seen.push(`${standing} ${name}`),
      malformed: (transport) => void seen.push(`malformed ${transport}`),
      limited: (transport) => void seen.push(`limited ${transport}`),
    },
    clock,
  )
  return { respond, seen, clock }
}

test('a question is answered and noted', () => {
  const { respond, seen } = setUp()
  expect(respond(query, 'udp')?.subarray(-4)).toEqual(Buffer.from([240, 240, 0, 1]))
  expect(seen).toEqual(['named api.test'])
})

test('a malformed question is told so by its id, a malformed answer is not', () => {
  const { respond, seen } = setUp()
  expect(respond(query.subarray(0, 14), 'udp')?.toString('hex')).toBe('000780010000000000000000')
  expect(respond(Buffer.from([0, 7, 0x80, 0]), 'udp')).toBeUndefined()
  expect(respond(Buffer.alloc(0), 'tcp')).toBeUndefined()
  expect(seen).toEqual(['malformed udp', 'malformed udp', 'malformed tcp'])
})

test('questions beyond the limit are dropped until time has passed, but for that of verify', async () => {
  const { respond, seen, clock } = setUp()
  for (let asked = 0; asked < 1000; asked++) respond(query, 'udp')
  expect(respond(query, 'udp')).toBeUndefined()
  expect(seen.at(-1)).toBe('limited udp')
  const probe = Buffer.concat([query.subarray(0, 12), probeQuestionName, Buffer.from([0, 1, 0, 1])])
  expect(respond(probe, 'udp')).toBeDefined()
  await clock.advance(1000)
  expect(respond(query, 'udp')).toBeDefined()
})
