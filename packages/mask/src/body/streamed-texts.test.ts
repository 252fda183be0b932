import { describe, expect, test } from '@jest/globals'
import { detectorNames } from '@chaperone/api'
import { compileMask } from '../mask.ts'
import { createBodyMasker } from './body-masker.ts'

const mask = compileMask(
  [{ name: 'all', detect: [...detectorNames], fields: [], columns: [], replace: { strategy: 'Redact' } }],
  new Uint8Array(32),
)!

const line = (event: object | string): string =>
  `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`

/** What each event becomes: itself, and what is given before it; last what is given at the end of the stream. */
function stream(events: readonly (object | string)[]): string[] {
  const masker = createBodyMasker(mask, 'text/event-stream')
  return [...events.map((event) => masker.push(Buffer.from(line(event))).toString()), masker.end().toString()]
}

/** What a client puts together: every string under `path`, in the order that it comes. */
function read(out: string, path: readonly (string | number)[]): string {
  return out
    .split('\n')
    .filter((text) => text.startsWith('data: {'))
    .map((text) => JSON.parse(text.slice(6)) as never)
    .map((event) =>
      path.reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], event),
    )
    .filter((text) => typeof text === 'string')
    .join('')
}

const text = 'to mary.smith@example.com now'
const masked = 'to [REDACTED:EmailAddress] now'

/** The text in three pieces, however it is cut. */
const cuts = Array.from(text).flatMap((_, first) =>
  Array.from(text.slice(first), (_, more) => [
    text.slice(0, first),
    text.slice(first, first + more),
    text.slice(first + more),
  ]),
)

const realtime = (delta: string, more: object = {}) => ({
  type: 'response.output_text.delta',
  response_id: 'r1',
  item_id: 'm1',
  output_index: 0,
  content_index: 0,
  delta,
  ...more,
})
const chat = (delta: object, index = 0, finish_reason: string | null = null) => ({
  id: 'c',
  choices: [{ index, delta, finish_reason }],
})
const block = (text: string, index = 0) => ({
  type: 'content_block_delta',
  index,
  delta: { type: 'text_delta', text },
})
const candidate = (text: string, index = 0, more: object = {}) => ({
  candidates: [{ index, content: { parts: [{ text }] }, ...more }],
})

describe('what an event says beside a text does not cut it', () => {
  const responses = { piece: realtime, path: ['delta'] }
  const choices = { piece: (content: string) => chat({ content }), path: ['choices', 0, 'delta', 'content'] }
  const messages = { piece: block, path: ['delta', 'text'] }
  const candidates = { piece: candidate, path: ['candidates', 0, 'content', 'parts', 0, 'text'] }
  test.each([
    ['an error', responses, { type: 'error', event_id: 'e', error: { message: 'unknown event' } }],
    ['news of limits', responses, { type: 'rate_limits.updated', rate_limits: [] }],
    ['a session that changes', responses, { type: 'session.updated', session: {} }],
    ['an item that the client adds', responses, { type: 'conversation.item.added', item: { id: 'x' } }],
    ['an item of its own that is done', responses, { type: 'conversation.item.done', item: { id: 'x' } }],
    ['its own item that the client asks for', responses, { type: 'conversation.item.retrieved', item: { id: 'm1' } }],
    ['another response that is done', responses, { type: 'response.done', response: { id: 'r2', output: [] } }],
    ['another text that is done', responses, { type: 'response.output_text.done', item_id: 'm2', text: 'x' }],
    ['another part that is done', responses, { type: 'response.content_part.done', item_id: 'm1', content_index: 1 }],
    ['the end of the sound', responses, { type: 'response.output_audio.done', item_id: 'm1', content_index: 0 }],
    ['sound', responses, { type: 'response.output_audio.delta', item_id: 'm1', delta: 'AAAA' }],
    ['what is no JSON', responses, 'x'],
    ['another choice that ends', choices, chat({}, 1, 'stop')],
    ['a finish reason that says nothing', choices, chat({}, 0, '')],
    ['usage', choices, { id: 'c', choices: [], usage: {} }],
    ['another block that ends', messages, { type: 'content_block_stop', index: 1 }],
    ['a ping', messages, { type: 'ping' }],
    ['an error of Anthropic', messages, { type: 'error', error: {} }],
    ['another candidate that ends', candidates, { candidates: [{ index: 1, finishReason: 'STOP' }] }],
  ])('%s', (_, { piece, path }, beside) => {
    for (const pieces of cuts) {
      const out = stream(pieces.flatMap((each) => [piece(each), beside]))
      expect(out.join('').split(line(beside))).toHaveLength(4)
      expect(read(out.join('').replaceAll(line(beside), ''), path)).toBe(masked)
    }
  })

  test('the parts of one event are one text, also in the last', () => {
    const parts = { parts: [{ text: 'to ada@' }, { text: 'b.io' }] }
    const [out] = stream([{ candidates: [{ index: 0, content: parts, finishReason: 'STOP' }] }])
    expect(out).toBe(
      line({
        candidates: [
          {
            index: 0,
            content: { parts: [{ text: 'to ' }, { text: '[REDACTED:EmailAddress]' }] },
            finishReason: 'STOP',
          },
        ],
      }),
    )
  })
})

describe('what ends a text comes after all of it', () => {
  const held = 'ada@b.io'
  const given = '[REDACTED:EmailAddress]'
  test.each([
    ['the text', realtime, { type: 'response.output_text.done', response_id: 'r1', item_id: 'm1', text: given }],
    ['its part', realtime, { type: 'response.content_part.done', item_id: 'm1', content_index: 0 }],
    ['its item', realtime, { type: 'response.output_item.done', output_index: 0, item: { id: 'm1' } }],
    ['its response', realtime, { type: 'response.done', response: { id: 'r1' } }],
    ['a response that is complete', realtime, { type: 'response.completed', response: { id: 'r1' } }],
    ['a response that failed', realtime, { type: 'response.failed', response: { id: 'r1' } }],
    ['a response that is incomplete', realtime, { type: 'response.incomplete', response: { id: 'r1' } }],
    ['the end mark', realtime, '[DONE]'],
    ['its choice', (content: string) => chat({ content }), chat({}, 0, 'stop')],
    ['its block', block, { type: 'content_block_stop', index: 0 }],
    ['its message', block, { type: 'message_stop' }],
    ['its candidate', candidate, { candidates: [{ index: 0, finishReason: 'STOP' }] }],
    ['a text whose type is escaped', block, '{"type":"content_block_st\\u006fp","index":0}'],
  ])('%s', (_, piece, end) => {
    const [, out] = stream([piece(held), end])
    expect(out).toBe(line(piece(given)) + line(end))
  })

  test('and other texts go on', () => {
    const done = { type: 'response.output_text.done', item_id: 'm1', text: given }
    const other = { item_id: 'm2', output_index: 1 }
    const out = stream([realtime(held), realtime('bob@', other), done, realtime('b.io', other)])
    expect(out[2]).toBe(line(realtime(given)) + line(done))
    expect(out.at(-1)).toBe(line(realtime(given, other)))
  })
})

describe('however a text of a choice is cut, it is found, and ends with its choice', () => {
  const call = (more: object) => ({ tool_calls: [{ index: 1, ...more }] })
  test.each<[string, (piece: string) => object, (string | number)[]]>([
    ['an answer', (content) => ({ content }), ['content']],
    ['a refusal', (refusal) => ({ refusal }), ['refusal']],
    ['reasoning', (reasoning) => ({ reasoning }), ['reasoning']],
    ['reasoning of DeepSeek', (piece) => ({ reasoning_content: piece }), ['reasoning_content']],
    [
      'reasoning of OpenRouter',
      (piece) => ({ reasoning_details: [{ index: 0, text: piece }] }),
      ['reasoning_details', 0, 'text'],
    ],
    [
      'a summary of reasoning',
      (summary) => ({ reasoning_details: [{ index: 0, summary }] }),
      ['reasoning_details', 0, 'summary'],
    ],
    ['a transcript of sound', (transcript) => ({ audio: { transcript } }), ['audio', 'transcript']],
    ['a call of old', (piece) => ({ function_call: { arguments: piece } }), ['function_call', 'arguments']],
    ['a call', (piece) => call({ function: { arguments: piece } }), ['tool_calls', 0, 'function', 'arguments']],
    ['a call of a custom tool', (input) => call({ custom: { input } }), ['tool_calls', 0, 'custom', 'input']],
  ])('%s', (_, delta, path) => {
    const end = chat({}, 0, 'stop')
    for (const pieces of cuts) {
      const out = stream([...pieces.map((piece) => chat(delta(piece))), end])
      expect(read(out.join(''), ['choices', 0, 'delta', ...path])).toBe(masked)
      expect(out.at(-2)!.endsWith(line(end))).toBe(true)
    }
  })

  test('a completion without messages', () => {
    const piece = (text: string) => ({ choices: [{ index: 0, text, finish_reason: null }] })
    for (const pieces of cuts) expect(read(stream(pieces.map(piece)).join(''), ['choices', 0, 'text'])).toBe(masked)
  })

  test('a text that is told twice is given twice, and no more often', () => {
    const both = (text: string) => ({ choices: [{ index: 0, text, delta: { content: text } }] })
    const out = stream(['write ', 'to ada@b.io'].map(both)).join('')
    expect(read(out, ['choices', 0, 'text'])).toBe('write to [REDACTED:EmailAddress]')
    expect(read(out, ['choices', 0, 'delta', 'content'])).toBe('write to [REDACTED:EmailAddress]')
  })

  test('what was held back of a custom call comes without its name', () => {
    const custom = { index: 1, id: 'c', type: 'custom', custom: { name: 'send', input: 'ada@b.io' } }
    expect(stream([chat({ role: 'assistant', tool_calls: [custom] })]).at(-1)).toBe(
      line(chat({ tool_calls: [{ index: 1, custom: { input: '[REDACTED:EmailAddress]' } }] })),
    )
  })
})

test('names written with escapes hide no piece', () => {
  const escaped = (delta: string) => JSON.stringify(realtime(delta)).replace('"delta":', '"d\\u0065lta":')
  const out = stream([escaped('mary.smi'), escaped('th@exam'), escaped('ple.com')])
  expect(read(out.join(''), ['delta'])).toBe('[REDACTED:EmailAddress]')
})

describe('what is kept of a stream', () => {
  const large = (index: number) => ({ ...block('x', index), more: ' '.repeat(1_000_000) })
  const limit = expect.objectContaining({ code: 'ERR_MASK_LIMIT' }) as unknown as Error

  test('is withheld when the events of its open texts are large together', () => {
    expect(() => stream([0, 1, 2, 3, 4].map(large))).toThrow(limit)
  })

  test('is the last event of each text that is open, and no other', () => {
    expect(stream([0, 0, 0, 1, 1, 1].map(large))).toHaveLength(7)
    const stop = (index: number) => ({ type: 'content_block_stop', index })
    expect(stream([0, 1, 2, 3, 4].flatMap((index) => [large(index), stop(index)]))).toHaveLength(11)
  })

  test('has a bound in texts, which a text that ended leaves', () => {
    const indexes = Array.from({ length: 300 }, (_, index) => index)
    expect(() => stream(indexes.map((index) => block('x', index)))).toThrow(limit)
    const ended = indexes.flatMap((index) => [block('x', index), { type: 'content_block_stop', index }])
    expect(read(stream(ended).join(''), ['delta', 'text'])).toBe('x'.repeat(300))
  })
})
