import { describe, expect, test } from '@jest/globals'
import { detectorNames, type MaskingProfile } from '@chaperone/api'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { MaskError } from '../errors.ts'
import { compileMask, createTally } from '../mask.ts'
import { createBodyMasker } from './body-masker.ts'

const key = new Uint8Array(32).fill(7)
const profile = (extra: Partial<MaskingProfile> = {}): MaskingProfile => ({
  name: 'pii',
  detect: ['EmailAddress', 'CreditCard'],
  fields: [],
  columns: [],
  replace: { strategy: 'Redact' },
  ...extra,
})
const maskBody = (type: string, chunks: (string | Uint8Array)[], extra: Partial<MaskingProfile> = {}) => {
  const masker = createBodyMasker(compileMask([profile(extra)], key)!, type)
  return Buffer.concat([...chunks.map((chunk) => masker.push(Buffer.from(chunk))), masker.end()]).toString()
}
const json = (text: string, extra: Partial<MaskingProfile> = {}) => maskBody('application/json', [text], extra)

describe('JSON', () => {
  test('values are masked and every other byte stays', () => {
    expect(json('{ "a" : "ada@example.com",\n "n":1.50e1, "b":[true,null,"x"] }')).toBe(
      '{ "a" : "[REDACTED:EmailAddress]",\n "n":1.50e1, "b":[true,null,"x"] }',
    )
  })

  test('escapes hide nothing', () => {
    expect(json('{"a":"ada\\u0040example.com"}')).toBe('{"a":"[REDACTED:EmailAddress]"}')
  })

  test('a number that is a card becomes a string', () => {
    expect(json('{"card":4111111111111111}')).toBe('{"card":"[REDACTED:CreditCard]"}')
  })

  test('a member whose name promises a secret is masked when its value looks like one', () => {
    const detect: MaskingProfile['detect'] = ['Secret']
    expect(json('{"password":"Tr0ub4dor-x7Q","note":"Tr0ub4dor-x7Q","token":"required"}', { detect })).toBe(
      '{"password":"[REDACTED:Secret]","note":"Tr0ub4dor-x7Q","token":"required"}',
    )
  })

  test('a name can be masked too', () => {
    expect(json('{"ada@example.com":1}')).toBe('{"[REDACTED:EmailAddress]":1}')
  })

  test('a field from the root, at any depth and below a named one is masked whatever it holds', () => {
    const fields = ['$.customer.ssn', '*.password', '$.private']
    expect(
      json('{"ssn":"1","customer":{"ssn":"1","name":"A"},"a":[{"password":"p"}],"private":{"x":1,"y":["z",null]}}', {
        fields,
      }),
    ).toBe(
      '{"ssn":"1","customer":{"ssn":"[REDACTED:Field]","name":"A"},"a":[{"password":"[REDACTED:Field]"}],"private":{"x":"[REDACTED:Field]","y":["[REDACTED:Field]",null]}}',
    )
  })

  test('a value that follows a masked one is not taken for it', () => {
    expect(json('{"password":"p","b":"q","c":{"d":"e"}}', { fields: ['*.password'] })).toBe(
      '{"password":"[REDACTED:Field]","b":"q","c":{"d":"e"}}',
    )
  })

  test.each(['{"a":', '{"a":x}', '"abc', '{"a":01}', '<html>', '[1'])('%s is no JSON and is withheld', (text) => {
    expect(() => json(text)).toThrow(MaskError)
  })

  test('several values in a row are NDJSON', () => {
    expect(maskBody('application/x-ndjson', ['{"a":"a@b.io"}\n{"a":"x"}\n'])).toBe(
      '{"a":"[REDACTED:EmailAddress]"}\n{"a":"x"}\n',
    )
  })

  test('whatever JSON holds, what is not masked is byte for byte the same', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        fc.pre(!text.includes('@') && !/\d{13}/.test(text))
        expect(json(text, { fields: ['$.never.there'] })).toBe(text)
      }),
    )
  })
})

describe('however the body is cut', () => {
  test.each([
    ['application/json', '{"who":"ada@example.com","ü":"€ 4111 1111 1111 1111","n":12}'],
    [
      'text/plain',
      `${'word '.repeat(100)}ada@example.com\n${'x '.repeat(200)}card 4111 1111 1111 1111 €\n${'y '.repeat(200)}`,
    ],
    ['text/event-stream', 'data: {"delta":"ada@example.com"}\n\ndata: plain b@c.io €\n\n: comment\n'],
    ['application/x-www-form-urlencoded', 'a=ada%40example.com&b=c+d'],
  ])('%s comes out the same', (type, text) => {
    const bytes = Buffer.from(text)
    const whole = maskBody(type, [bytes])
    expect(whole).not.toMatch(/ada|4111 1111/)
    fc.assert(
      fc.property(cutsOf(bytes), (chunks) => {
        expect(maskBody(type, chunks)).toBe(whole)
      }),
    )
  })

  test('a private key over many chunks is masked whole', () => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n'.repeat(40)}-----END PRIVATE KEY-----`
    const text = `${'a\n'.repeat(500)}${pem}\nend\n${'b\n'.repeat(500)}`
    const chunks = text.match(/[^]{1,37}/g)!
    expect(maskBody('text/plain', chunks, { detect: ['PrivateKey'] })).toBe(
      `${'a\n'.repeat(500)}[REDACTED:PrivateKey]\nend\n${'b\n'.repeat(500)}`,
    )
  })
})

describe('what cannot be read is withheld', () => {
  test.each(['application/octet-stream', 'application/pdf', 'application/zip', 'image/png', 'font/woff2', undefined])(
    '%s',
    (type) => {
      expect(() => createBodyMasker(compileMask([profile()], key)!, type)).toThrow(MaskError)
    },
  )

  test('another charset, and bytes that are no UTF-8', () => {
    expect(() => createBodyMasker(compileMask([profile()], key)!, 'text/plain; charset=utf-16')).toThrow(MaskError)
    expect(() => maskBody('text/plain', [Uint8Array.of(0xff, 0xfe)])).toThrow(MaskError)
  })
})

describe('strategies', () => {
  const one = (strategy: MaskingProfile['replace']['strategy']) =>
    compileMask([profile({ replace: { strategy } })], key)!.text('ada@example.com', createTally())

  test('each replaces in its own way', () => {
    expect(one('Redact')).toBe('[REDACTED:EmailAddress]')
    expect(one('Partial')).toBe('****.com')
    expect(one('Token')).toMatch(/^tok_email_[a-z2-7]{12}$/)
    expect(one('Hash')).toMatch(/^hmac_[0-9a-f]{32}$/)
  })

  test('the same value has the same token with the same key, and another with another', () => {
    expect(one('Token')).toBe(one('Token'))
    expect(
      compileMask([profile({ replace: { strategy: 'Token' } })], new Uint8Array(32))!.text(
        'ada@example.com',
        createTally(),
      ),
    ).not.toBe(one('Token'))
  })

  test('masking twice gives what masking once gives', () => {
    const samples = fc.constantFrom(
      'ada@example.com',
      '4111111111111111',
      'password=Tr0ub4dor-3xyz',
      'postgres://a:b3cdefgh@c/',
      '078-05-1120',
      '+44 20 7946 0958',
    )
    const strategies = fc.constantFrom<MaskingProfile['replace']['strategy']>('Redact', 'Partial', 'Token', 'Hash')
    fc.assert(
      fc.property(fc.array(samples, { minLength: 1 }), strategies, (values, strategy) => {
        const mask = compileMask([profile({ detect: [...detectorNames], replace: { strategy } })], key)!
        const once = mask.text(values.join(' '), createTally())
        expect(mask.text(once, createTally())).toBe(once)
      }),
    )
  })

  test('findings count by detector and name no value', () => {
    const tally = createTally()
    compileMask([profile()], key)!.text('a@b.io c@d.io 4111111111111111', tally)
    expect(tally.findings).toEqual([
      { detector: 'EmailAddress', count: 2 },
      { detector: 'CreditCard', count: 1 },
    ])
  })
})
