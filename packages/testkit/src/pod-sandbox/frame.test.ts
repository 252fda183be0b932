import { expect, test } from '@jest/globals'
import { isNeighbourDiscovery, parseFrame } from './frame.ts'

const bytes = (...hex: readonly string[]): Buffer => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex')
const ethernet = (type: string): string => `020000000001 020000000002 ${type}`
const target = 'fd770000000000000000000000000001'
const solicitation = (extra: string): Buffer => {
  const length = (32 + extra.length / 2).toString(16).padStart(4, '0')
  const ipv6 = `60000000 ${length} 3a ff fd770000000000000000000000000002 ff0200000000000000000001ff000001`
  return bytes(ethernet('86dd'), ipv6, `87000000 00000000 ${target} 0101020000000002`, extra)
}
const neighbours = ['fd77:0:0:0:0:0:0:1']

test('a datagram is read with its ends and its payload', () => {
  const ipv4 = '45000020 00000000 40110000 0a4d0002 c0000201'
  const frame = parseFrame(bytes(ethernet('0800'), ipv4, '9c40 01bb 000c 0000', '6c65616b'))
  expect(frame.text).toBe('udp 10.77.0.2:40000 → 192.0.2.1:443, 4 bytes')
  expect(frame.payload.toString()).toBe('leak')
})

test("the kernel's question for a neighbour is background, and only for a neighbour that is known", () => {
  expect(isNeighbourDiscovery(parseFrame(solicitation('')), neighbours)).toBe(true)
  expect(isNeighbourDiscovery(parseFrame(solicitation('')), ['fd77:0:0:0:0:0:0:9'])).toBe(false)
})

test('a question for a neighbour with something behind it is none', () => {
  expect(isNeighbourDiscovery(parseFrame(solicitation('6c65616b')), neighbours)).toBe(false)
})
