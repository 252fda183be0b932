import { describe, expect, test } from '@jest/globals'
import { detectorNames, type MaskingProfile } from '@chaperone/api'
import fc from 'fast-check'
import { MaskError } from '../errors.ts'
import { compileMask } from '../mask.ts'
import { createBodyMasker } from './body-masker.ts'

const maskEvents = (events: readonly string[], extra: Partial<MaskingProfile> = {}): string[] => {
  const profile: MaskingProfile = {
    name: 'all',
    detect: [...detectorNames],
    fields: [],
    columns: [],
    replace: { strategy: 'Redact' },
    ...extra,
  }
  const masker = createBodyMasker(compileMask([profile], new Uint8Array(32))!, 'text/event-stream')
  return [...events.map((event) => masker.push(Buffer.from(event)).toString()), masker.end().toString()]
}
const whole = (text: string, extra: Partial<MaskingProfile> = {}) => maskEvents([text], extra).join('')

const openAi = (content: string, index = 0) =>
  `data: ${JSON.stringify({ id: 'c1', choices: [{ index, delta: { content }, finish_reason: null }] })}\n\n`
const anthropic = (text: string) =>
  `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })}\n\n`
const responses = (delta: string) =>
  `data: ${JSON.stringify({ type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta })}\n\n`
const gemini = (text: string) =>
  `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] } }], responseId: 'r' })}\n\n`

interface Piece {
  readonly candidates?: readonly { readonly content?: { readonly parts: readonly { readonly text?: string }[] } }[]
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[]
  readonly delta?: string | { readonly text?: string }
}

/** What a client puts together from the pieces. */
const read = (stream: string): string =>
  stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as Piece)
    .map(
      ({ candidates, choices, delta }) =>
        candidates?.[0]?.content?.parts[0]?.text ??
        choices?.[0]?.delta.content ??
        (typeof delta === 'string' ? delta : (delta?.text ?? '')),
    )
    .join('')

describe('events', () => {
  test('data that is JSON has field rules, escapes and names; every other byte stays', () => {
    expect(whole(': hi\r\nid: 7\r\ndata: { "pin" : 1, "m":"a\\u0040b.io" }\r\n\r\n', { fields: ['*.pin'] })).toBe(
      ': hi\r\nid: 7\r\ndata: { "pin" : "[REDACTED:Field]", "m":"[REDACTED:EmailAddress]" }\r\n\r\n',
    )
  })

  test('data over several lines is one', () => {
    expect(whole('data: {"pin":\ndata: 1}\n\n', { fields: ['*.pin'] })).toBe(
      'data: {"pin":\ndata: "[REDACTED:Field]"}\n\n',
    )
  })

  test('a carriage return ends a line too', () => {
    expect(whole('data: {"pin":1}\r\rdata: a@b.io\r\r', { fields: ['*.pin'] })).toBe(
      'data: {"pin":"[REDACTED:Field]"}\r\rdata: [REDACTED:EmailAddress]\r\r',
    )
  })

  test('what only looks like JSON is withheld when fields are to be masked; the end mark of OpenAI is none', () => {
    expect(() => whole('data: {"a":1} x\n\n', { fields: ['*.pin'] })).toThrow(MaskError)
    expect(whole('data: {"a":1} a@b.io\n\n')).toBe('data: {"a":1} [REDACTED:EmailAddress]\n\n')
    expect(whole('data: [DONE]\n\n', { fields: ['*.pin'] })).toBe('data: [DONE]\n\n')
  })

  test('an event that does not end is withheld', () => {
    expect(() => whole('data: x\n'.repeat(200_000))).toThrow(expect.objectContaining({ code: 'ERR_MASK_LIMIT' }))
  })
})

describe.each([
  ['OpenAI chat completions', openAi, 'data: [DONE]\n\n'],
  ['Anthropic messages', anthropic, 'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'],
  ['OpenAI responses', responses, 'data: {"type":"response.completed"}\n\n'],
  ['Gemini', gemini, 'data: {"candidates":[{"index":0,"finishReason":"STOP"}]}\n\n'],
])('texts in pieces: %s', (_, event, last) => {
  test('a value over many pieces is found, and the text around it is whole', () => {
    const pieces = ['Write to ', 'ad', 'a', '@exam', 'ple.', 'com', ' or call', ' +44 20', ' 7946 09', '58 now.']
    expect(read([...maskEvents([...pieces.map((piece) => event(piece)), last])].join(''))).toBe(
      'Write to [REDACTED:EmailAddress] or call [REDACTED:PhoneNumber] now.',
    )
  })

  test('what cannot become a value does not wait, and what waits comes before the end', () => {
    const out = maskEvents([event('Hello '), event('wor'), event('ld '), event('ada@b.io'), last])
    expect(out.slice(0, 4).map(read)).toEqual(['Hello ', '', 'world ', ''])
    expect(read(out[4]!)).toBe('[REDACTED:EmailAddress]')
    expect(out[4]!.endsWith(last)).toBe(true)
  })

  test('what waits comes at the end of a stream that just ends', () => {
    expect(read(maskEvents([event('to ada@b'), event('.io')]).join(''))).toBe('to [REDACTED:EmailAddress]')
  })

  test('a secret waits for its name, and a key for its end', () => {
    const pem = ['-----BEGIN ', 'PRIVATE KEY-----\n', 'MII\n', 'abc\n-----END', ' PRIVATE KEY-----', ' done']
    expect(
      read(maskEvents([...['password', ':', ' ', 'Tr0ub4', 'dor-x7Q '].map((piece) => event(piece)), last]).join('')),
    ).toBe('password: [REDACTED:Secret] ')
    expect(read(maskEvents([...pem.map((piece) => event(piece)), last]).join(''))).toBe('[REDACTED:PrivateKey] done')
  })

  test('however a text is cut, no value comes through, and text without any is unchanged', () => {
    const values = [
      'ada@example.com',
      '4111 1111 1111 1111',
      'DE89 3704 0044 0532 0130 00',
      '078-05-1120',
      '+44 20 7946 0958',
      '10.1.2.3',
      'password: Tr0ub4dor-x7Q',
    ]
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...values, 'the', 'order', '7', 'of', 'x,', '\n', '世界', '{"a":'), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (words, sizes) => {
          const text = `${words.join(' ')} end`
          const pieces: string[] = []
          for (let at = 0, turn = 0; at < text.length; turn++) {
            const size = sizes[turn % sizes.length]!
            pieces.push(text.slice(at, at + size))
            at += size
          }
          const result = read(maskEvents([...pieces.map((piece) => event(piece)), last]).join(''))
          for (const value of values) expect(result).not.toContain(value.replace('password: ', ''))
          if (words.every((word) => !values.includes(word))) expect(result).toBe(text)
        },
      ),
    )
  })
})

test('texts at the same time do not mix', () => {
  const out = maskEvents([openAi('a@', 0), openAi('x ', 1), openAi('b.io', 0), 'data: [DONE]\n\n']).join('')
  expect(out).toContain('[REDACTED:EmailAddress]')
  expect(out).toContain('"index":1,"delta":{"content":"x "}')
})

describe('what was held back comes alone, because a client adds up what it is given', () => {
  const made = (...events: object[]) =>
    maskEvents([...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n'])
      .at(-2)!
      .split('\n')[0]
  const call = (index: number, more: object, text: string) => ({ index, ...more, function: { arguments: text } })

  test('OpenAI: the name of a call is not given again', () => {
    const delta = { content: 'to ', tool_calls: [{ ...call(0, { id: 'c' }, '"a@b.io'), type: 'function' }] }
    expect(made({ id: '1', choices: [{ index: 0, delta }] })).toBe(
      `data: ${JSON.stringify({ id: '1', choices: [{ index: 0, delta: { tool_calls: [call(0, {}, '"[REDACTED:EmailAddress]')] } }] })}`,
    )
  })

  test('Gemini: nor is a call beside the text', () => {
    const content = (parts: object[]) => ({ candidates: [{ index: 0, content: { role: 'model', parts } }] })
    expect(made(content([{ text: 'to a@b.io' }, { functionCall: { name: 'send', args: {} } }]))).toBe(
      `data: ${JSON.stringify(content([{ text: '[REDACTED:EmailAddress]' }]))}`,
    )
  })
})

test('sound beside a text neither waits nor ends it', () => {
  const audio = `data: ${JSON.stringify({ type: 'response.output_audio.delta', item_id: 'm', delta: 'AAAA' })}\n\n`
  const out = maskEvents([responses('to ada@'), audio, responses('b.io '), 'data: [DONE]\n\n'])
  expect(out[1]).toBe(audio)
  expect(read(out.filter((text) => text !== audio).join(''))).toBe('to [REDACTED:EmailAddress] ')
})
