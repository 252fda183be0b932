import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import { acceptOf, checkAnswer, decodeOffer } from './handshake.ts'

// RFC 6455 §1.3
const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const asked: [string, string][] = [
  ['Sec-WebSocket-Key', key],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Protocol', 'chat, superchat'],
]
const answered: [string, string][] = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Accept', accept],
  ['Sec-WebSocket-Protocol', 'chat'],
]
const without = (headers: [string, string][], name: string): [string, string][] =>
  headers.filter(([header]) => header.toLowerCase() !== name)

test('the handshake of RFC 6455 §1.3 is understood', () => {
  expect(acceptOf(key)).toBe(accept)
  const offer = decodeOffer(asked)
  expect(offer).toEqual({ key, protocols: ['chat', 'superchat'] })
  expect(checkAnswer(offer, answered)).toBe('chat')
  expect(checkAnswer(offer, without(answered, 'sec-websocket-protocol'))).toBeUndefined()
})

describe('an offer', () => {
  test.each<[string, [string, string][]]>([
    ['without a key', without(asked, 'sec-websocket-key')],
    ['with two keys', [...asked, ['sec-websocket-key', key]]],
    ['with a key of 15 bytes', [...without(asked, 'sec-websocket-key'), ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25j']]],
    ['without a version', without(asked, 'sec-websocket-version')],
    ['of another version', [...without(asked, 'sec-websocket-version'), ['sec-websocket-version', '8']]],
    ['of a protocol that is no token', [...asked, ['sec-websocket-protocol', 'a b']]],
    ['of one protocol twice', [...asked, ['sec-websocket-protocol', 'chat']]],
  ])('%s is refused', (_name, headers) => {
    expect(() => decodeOffer(headers)).toThrow(WireError)
  })
})

describe('an answer', () => {
  test.each<[string, [string, string][]]>([
    ['that upgrades to nothing', without(answered, 'upgrade')],
    ['that upgrades to something else', [...answered, ['upgrade', 'h2c']]],
    ['without Connection', without(answered, 'connection')],
    ['without Accept', without(answered, 'sec-websocket-accept')],
    ['to another key', [...without(answered, 'sec-websocket-accept'), ['sec-websocket-accept', key]]],
    ['with two Accepts', [...answered, ['sec-websocket-accept', accept]]],
    ['with an extension', [...answered, ['sec-websocket-extensions', 'permessage-deflate']]],
    [
      'with a protocol that was not offered',
      [...without(answered, 'sec-websocket-protocol'), ['sec-websocket-protocol', 'x']],
    ],
    ['with two protocols', [...answered, ['sec-websocket-protocol', 'superchat']]],
  ])('%s is refused', (_name, headers) => {
    expect(() => checkAnswer(decodeOffer(asked), headers)).toThrow(WireError)
  })
})

test('only WireError escapes on any headers', () => {
  const names = fc.constantFrom(...[...asked, ...answered].map(([name]) => name), 'Sec-WebSocket-Extensions')
  const values = fc.oneof(fc.string(), fc.constantFrom(...[...asked, ...answered].map(([, value]) => value)))
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values)), (headers) => {
      for (const attempt of [() => decodeOffer(headers), () => checkAnswer({ key, protocols: ['chat'] }, headers)]) {
        try {
          attempt()
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }
    }),
  )
})
