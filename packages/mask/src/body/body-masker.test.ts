import { describe, expect, test } from '@jest/globals'
import { detectorNames, type MaskingProfile } from '@chaperone/api'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { MaskError } from '../errors.ts'
import { compileMask } from '../mask.ts'
import { createTally } from '../tally.ts'
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

  test('the name of a member goes for the elements of its array', () => {
    const detect: MaskingProfile['detect'] = ['Secret']
    expect(json('{"tokens":["9f8a7b6c5d4e3f2a",[{"x":"9f8a7b6c5d4e3f2a"}]]}', { detect })).toBe(
      '{"tokens":["[REDACTED:Secret]",[{"x":"9f8a7b6c5d4e3f2a"}]]}',
    )
  })

  test.each([
    [
      'a slash that is escaped',
      '{"u":"postgres:\\/\\/a:hunter22@db"}',
      '{"u":"postgres://a:[REDACTED:ConnectionString]@db"}',
    ],
    ['a pair of surrogates', '{"u":"\\ud83d\\ude00a@b.io"}', '{"u":"[REDACTED:EmailAddress]"}'],
    [
      'an escape of every character',
      '{"u":"\\u0061\\u0040\\u0062\\u002e\\u0069\\u006f"}',
      '{"u":"[REDACTED:EmailAddress]"}',
    ],
    ['a line break that ends a value', '{"u":"a@b.io\\nx"}', '{"u":"[REDACTED:EmailAddress]\\nx"}'],
  ])('%s hides nothing', (_, text, masked) => {
    expect(json(text, { detect: ['EmailAddress', 'ConnectionString'] })).toBe(masked)
  })

  test.each([
    '{"a" "b"}',
    '{"a":1,}',
    '[1,]',
    '[1 2]',
    '{"a":1]',
    '"\\x"',
    '"a\nb"',
    '01',
    '-',
    '1.',
    'tru',
    '{1:2}',
    ',',
    '{"a":"\\u00zz"}',
  ])('%s is no JSON either', (text) => {
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

describe('JSON that nobody declares', () => {
  const fields = ['*.ssn']
  const hidden = '{"a":[{"ssn":"[REDACTED:Field]"}]}'

  test.each(['text/plain', 'text/html; charset=utf-8', ''])('has field rules as %j', (type) => {
    expect(maskBody(type, [' \n', '{"a":[{"ss', 'n":"1"}]}'], { fields })).toBe(` \n${hidden}`)
  })

  test('has field rules without any content type', () => {
    const masker = createBodyMasker(compileMask([profile({ fields })], key)!, undefined)
    expect(Buffer.concat([masker.push(Buffer.from('{"a":[{"ssn":"1"}]}')), masker.end()]).toString()).toBe(hidden)
  })

  test.each([
    ['[INFO] to ada@example.com', '[INFO] to [REDACTED:EmailAddress]'],
    ['[4111 1111 1111 1111] was charged', '[[REDACTED:CreditCard]] was charged'],
    ['{{name}} <ada@example.com>', '{{name}} <[REDACTED:EmailAddress]>'],
    ['["a", ada@example.com', '["a", [REDACTED:EmailAddress]'],
    ['[1, "ada@example.com', '[1, "[REDACTED:EmailAddress]'],
  ])('%j is text from where it is no JSON', (text, masked) => {
    expect(maskBody('text/plain', [text], { fields })).toBe(masked)
    expect(maskBody('text/plain', text.split(/(?=.)/u), { fields })).toBe(masked)
  })

  test('what stops to be JSON behind a member is withheld when fields are to be masked, and is text when none are', () => {
    const text = '{"a":1} // {"ssn":"1"} ada@example.com'
    expect(() => maskBody('text/plain', [text], { fields })).toThrow(MaskError)
    expect(maskBody('text/plain', [text])).toBe('{"a":1} // {"ssn":"1"} [REDACTED:EmailAddress]')
  })
})

describe('multipart forms', () => {
  const type = 'multipart/form-data; boundary="x y"'
  const part = (head: string, body: string) => `--x y\r\ncontent-disposition: form-data; ${head}\r\n\r\n${body}\r\n`
  const detect: MaskingProfile['detect'] = ['EmailAddress', 'Secret']
  const form = [
    part('name="mail"', 'ada@example.com'),
    part('name="password"', 'Tr0ub4dor-x7Q'),
    part('name="pin"', '1234'),
    part('name="f"; filename="a.json"\r\nContent-Type: application/json', '{"x":"a\\u0040b.io"}'),
  ].join('')

  test('fields, names and the types of parts count as elsewhere', () => {
    expect(maskBody(type, [`${form}--x y--\r\n`], { detect, fields: ['*.pin'] })).toBe(
      [
        part('name="mail"', '[REDACTED:EmailAddress]'),
        part('name="password"', '[REDACTED:Secret]'),
        part('name="pin"', '[REDACTED:Field]'),
        part('name="f"; filename="a.json"\r\nContent-Type: application/json', '{"x":"[REDACTED:EmailAddress]"}'),
        '--x y--\r\n',
      ].join(''),
    )
  })

  test.each([
    ['a part that is no text', `${part('name="f"\r\ncontent-type: image/png', 'x')}--x y--`],
    ['a part in base64', `${part('name="f"\r\ncontent-transfer-encoding: base64', 'YQ==')}--x y--`],
    ['a form without end', form],
    ['a form with a preamble', `hello\r\n${form}--x y--`],
  ])('%s is withheld', (_, text) => {
    expect(() => maskBody(type, [text])).toThrow(MaskError)
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
  test.each(['application/octet-stream', 'application/pdf', 'application/zip', 'image/png', 'font/woff2'])(
    '%s',
    (type) => {
      expect(() => createBodyMasker(compileMask([profile()], key)!, type)).toThrow(MaskError)
    },
  )

  test('another charset, and bytes that are no UTF-8', () => {
    expect(() => createBodyMasker(compileMask([profile()], key)!, 'text/plain; charset=utf-16')).toThrow(MaskError)
    expect(() => maskBody('text/plain', [Uint8Array.of(0xff, 0xfe)])).toThrow(MaskError)
    expect(() => maskBody('text/plain', [Buffer.from('ada@example.com', 'utf16le')])).toThrow(MaskError)
    expect(() => maskBody('text/plain', [Uint8Array.of(0xe2, 0x82)])).toThrow(MaskError)
  })

  test('JSON nested deeper than anyone nests it, and a string that no memory should hold', () => {
    for (const text of ['['.repeat(100_000), '{"a":'.repeat(100_000), `"${'a'.repeat(10 * 1024 * 1024)}"`])
      expect(() => json(text)).toThrow(expect.objectContaining({ code: 'ERR_MASK_LIMIT' }))
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
