import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { detectProtocol, maxDetectBytes, type Detected } from './detect-protocol.ts'

const cases: [string, Buffer, Detected][] = [
  ['a TLS record', Buffer.from([0x16, 3, 1, 2, 0]), 'tls'],
  ['half a TLS record', Buffer.from([0x16]), 'incomplete'],
  ['a byte like TLS and then not', Buffer.from([0x16, 9]), 'unknown'],
  ['a GET', Buffer.from('GET / HTTP/1.1\r\n'), 'http1'],
  ['half a method', Buffer.from('GE'), 'incomplete'],
  ['a lower-case method', Buffer.from('get / HTTP/1.1'), 'unknown'],
  ['a method without end', Buffer.from('A'.repeat(40)), 'unknown'],
  ['the HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'http2'],
  ['half the preface', Buffer.from('PRI * HT'), 'incomplete'],
  ['a method that begins like the preface', Buffer.from('PROPFIND / HTTP/1.1'), 'http1'],
  ['an SSLRequest', Buffer.from('0000000804d2162f', 'hex'), 'postgres'],
  ['a GSSENCRequest', Buffer.from('0000000804d21630', 'hex'), 'postgres'],
  ['a start-up of protocol 3', Buffer.from('0000002900030000', 'hex'), 'postgres'],
  ['half a start-up', Buffer.from('00000029', 'hex'), 'incomplete'],
  ['a CancelRequest', Buffer.from('0000001004d2162e', 'hex'), 'postgres'],
  ['a CancelRequest without a key', Buffer.from('0000000c04d2162e', 'hex'), 'unknown'],
  ['an SSLRequest of another length', Buffer.from('0000000904d2162f', 'hex'), 'unknown'],
  ['the longest method', Buffer.from(`${'A'.repeat(maxDetectBytes - 1)} /`), 'http1'],
  ['zeros', Buffer.alloc(8), 'unknown'],
  ['an SSH banner', Buffer.from('SSH-2.0-x'), 'ssh'],
  ['nothing', Buffer.alloc(0), 'incomplete'],
]

test.each(cases)('%s', (_name, bytes, expected) => {
  expect(detectProtocol(bytes)).toBe(expected)
})

test('the longest prefix always decides, and once decided more bytes change nothing', () => {
  const starts = fc.constantFrom(...cases.map(([, bytes]) => bytes))
  fc.assert(
    fc.property(starts, fc.uint8Array({ minLength: maxDetectBytes, maxLength: maxDetectBytes }), (start, rest) => {
      const bytes = Buffer.concat([start, rest])
      const decisions = Array.from(bytes, (_, index) => detectProtocol(bytes.subarray(0, index + 1)))
      expect(decisions[maxDetectBytes - 1]).not.toBe('incomplete')
      expect(new Set(decisions.filter((each) => each !== 'incomplete')).size).toBe(1)
    }),
  )
})
