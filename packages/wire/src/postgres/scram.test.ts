import { describe, expect, test } from '@jest/globals'
import { WireError } from '../errors.ts'
import { saslPrep } from './sasl-prep.ts'
import { createScramClient } from './scram.ts'

const unbound = () => createScramClient({ password: 'x', nonce: 'nonce', binding: 'unsupported' })

describe('SCRAM-SHA-256', () => {
  test('the conversation of RFC 7677 §3 comes out', () => {
    const client = createScramClient({
      password: 'pencil',
      nonce: 'rOprNGfwEbeRWgbNEkqO',
      binding: 'unsupported',
      user: 'user',
    })
    expect(client.first).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    expect(
      client.respond('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'),
    ).toBe('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')
    expect(client.verified).toBe(false)
    client.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
    expect(client.verified).toBe(true)
  })

  test.each([
    ['another nonce', 'r=other,s=AAAA,i=1'],
    ['no nonce of its own', 'r=nonce,s=AAAA,i=1'],
    ['no salt', 'r=nonce1,i=1'],
    ['a salt that is no base64', 'r=nonce1,s=A*,i=1'],
    ['no iterations', 'r=nonce1,s=AAAA,i=0'],
    ['iterations in hexadecimal', 'r=nonce1,s=AAAA,i=0x10'],
    ['iterations with an exponent', 'r=nonce1,s=AAAA,i=1e3'],
    ['more iterations than we would compute', 'r=nonce1,s=AAAA,i=99999999'],
    ['a mandatory extension', 'm=x,r=nonce1,s=AAAA,i=1'],
    ['fields in another order', 's=AAAA,r=nonce1,i=1'],
    ['nothing', ''],
  ])('a first message of the server with %s is refused', (_name, message) => {
    expect(() => unbound().respond(message)).toThrow(WireError)
  })

  test.each(['v=AAAA', 'v=', '', 'e=invalid-proof', `v=${'A'.repeat(43)}=`])(
    'the final message %j proves nothing',
    (message) => {
      const client = unbound()
      client.respond('r=nonce1,s=AAAA,i=1')
      expect(() => client.verify(message)).toThrow(WireError)
      expect(client.verified).toBe(false)
    },
  )

  test('channel binding goes into the header and, with the hash of the certificate, into the proof', () => {
    const bound = createScramClient({ password: 'x', nonce: 'nonce', binding: Buffer.from('hash') })
    expect(bound.first).toBe('p=tls-server-end-point,,n=,r=nonce')
    const [channel, , proof] = bound.respond('r=nonce1,s=AAAA,i=1').split(',')
    expect(Buffer.from(channel!.slice(2), 'base64').toString()).toBe('p=tls-server-end-point,,hash')
    expect(proof).not.toBe(unbound().respond('r=nonce1,s=AAAA,i=1').split(',')[2])
  })

  test('a server that did not offer channel binding is told that we could', () => {
    const unused = createScramClient({ password: 'x', nonce: 'nonce', binding: 'unused' })
    expect(unused.first).toBe('y,,n=,r=nonce')
    expect(unused.respond('r=nonce1,s=AAAA,i=1')).toMatch(/^c=eSws,/)
  })

  test('a server that proves itself before it has challenged is refused', () => {
    expect(() => unbound().verify('v=')).toThrow(WireError)
  })
})

test.each([
  ['I\u00adX', 'IX'],
  ['\u00aa', 'a'],
  ['\u2168', 'IX'],
  ['a\u00a0b', 'a b'],
  ['plain\u0007', 'plain\u0007'],
  ['\u00ad', '\u00ad'],
])('SASLprep makes %j into %j', (password, expected) => {
  expect(saslPrep(password)).toBe(expected)
})
