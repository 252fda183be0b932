import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import { isHostName, parseClientHello } from './client-hello.ts'

/** As curl 7.88 with OpenSSL 3 sends it, to `Api.Example.com`. */
const golden = Buffer.from(
  readFileSync(new URL('../testdata/curl-client-hello.hex', import.meta.url), 'utf8').trim(),
  'hex',
)

describe('parseClientHello', () => {
  test('a real hello gives its name in lower case, its ALPN and its version', () => {
    expect(parseClientHello(golden)).toEqual({
      kind: 'hello',
      hello: {
        serverName: 'api.example.com',
        serverNameInvalid: false,
        alpnProtocols: ['h2', 'http/1.1'],
        maxVersion: 0x0304,
        encryptedClientHello: false,
      },
    })
  })

  test('every shorter prefix is incomplete', () => {
    for (let length = 0; length < golden.length; length++)
      expect(parseClientHello(golden.subarray(0, length))).toEqual({ kind: 'incomplete' })
  })

  test('a handshake message cut over many records is the same hello', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), (size) => {
        const message = golden.subarray(5)
        const records: Buffer[] = []
        for (let at = 0; at < message.length; at += size) {
          const part = message.subarray(at, at + size)
          records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part)
        }
        expect(parseClientHello(Buffer.concat(records))).toEqual(parseClientHello(golden))
      }),
    )
  })

  test('only WireError escapes on mutated hellos', () => {
    fc.assert(
      fc.property(mutationsOf(golden), (bytes) => {
        try {
          parseClientHello(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

test.each([
  ['example.com', true],
  ['a', true],
  ['_srv.example.com', true],
  ['10.0.0.1', false],
  ['example.com.', false],
  ['-a.com', false],
  ['a..b', false],
  ['', false],
  ['a b', false],
])('%j is a host name: %s', (name, expected) => {
  expect(isHostName(name)).toBe(expected)
})
