import { expect, test } from '@jest/globals'
import { detectProtocol, type Detected } from './detect-protocol.ts'

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
  ['zeros', Buffer.alloc(8), 'unknown'],
  ['an SSH banner', Buffer.from('SSH-2.0-x'), 'ssh'],
  ['nothing', Buffer.alloc(0), 'incomplete'],
]

test.each(cases)('%s', (_name, bytes, expected) => {
  expect(detectProtocol(bytes)).toBe(expected)
})
