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

  /** A hello of TLS 1.2 with these extensions, in one record. */
  function helloWith(extensions: string, behind = ''): Buffer {
    const list = Buffer.from(extensions, 'hex')
    const head = Buffer.from(`0303${'00'.repeat(32)}000002c02f0100`, 'hex')
    const size = Buffer.from([list.length >> 8, list.length & 255])
    const body = Buffer.concat([head, size, list, Buffer.from(behind, 'hex')])
    return Buffer.concat([
      Buffer.from([
        22,
        3,
        1,
        (body.length + 4) >> 8,
        (body.length + 4) & 255,
        1,
        0,
        body.length >> 8,
        body.length & 255,
      ]),
      body,
    ])
  }
  const helloOf = (bytes: Buffer) => {
    const result = parseClientHello(bytes)
    return result.kind === 'hello' ? result.hello : undefined
  }

  test('where supported_versions is sent it alone counts, without GREASE', () => {
    expect(helloOf(helloWith(''))?.maxVersion).toBe(0x0303)
    expect(helloOf(helloWith('002b0005040a0a0302'))?.maxVersion).toBe(0x0302)
  })

  test('encrypted_client_hello is seen', () => {
    expect(helloOf(helloWith('fe0d000100'))?.encryptedClientHello).toBe(true)
  })

  test.each([
    ['an IP literal', '0000000e000c000009' + '3132372e302e302e31'],
    ['another type of name', '00000006000401000161'],
    ['two names', '0000000a0008000001610000' + '0162'],
  ])('%s as server name is no name', (_name, extension) => {
    expect(helloOf(helloWith(extension))).toMatchObject({ serverNameInvalid: true })
    expect(helloOf(helloWith(extension))).not.toHaveProperty('serverName')
  })

  test.each([
    ['an extension sent twice', 'fe0d0000fe0d0000', ''],
    ['bytes behind the extensions', '', '00'],
    ['bytes behind the ALPN list', '00100006000302683200', ''],
    ['a list that ends in the middle of a name', '00100005000303683200'.slice(0, 18), ''],
  ])('%s is refused', (_name, extensions, behind) => {
    expect(() => parseClientHello(helloWith(extensions, behind))).toThrow(WireError)
  })

  test.each([
    ['an empty record', '1603010000'],
    ['a record that is too long', '1603014001'],
    ['an alert', '1503010002'],
    ['another handshake message', '160301000402000000'],
    ['a hello that is too long', '160301000401004001'],
  ])('%s is refused as soon as its header is there', (_name, hex) => {
    expect(() => parseClientHello(Buffer.from(hex, 'hex'))).toThrow(WireError)
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
  ['127.1', false],
  ['0x7f000001', false],
  ['0x7f.0x1', false],
  ['example.123', false],
  ['0xa.example', true],
  ['Example.com', false],
  ['example.com.', false],
  ['-a.com', false],
  ['a..b', false],
  ['', false],
  ['a b', false],
])('%j is a host name: %s', (name, expected) => {
  expect(isHostName(name)).toBe(expected)
})
