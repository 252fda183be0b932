import { describe, expect, test } from '@jest/globals'
import { sha256Hex } from '@chaperone/core'
import { cutsOf, mutationsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { createFrameDecoder, maxPartBytes, type FrameDecoderOptions } from './decode-frames.ts'
import { WebSocketError } from './errors.ts'
import { encodeFrame, type Frame } from './frame.ts'

const key = Buffer.from('37fa213d', 'hex')
const text = (payload: string, first = true, final = true): Frame => ({
  kind: 'text',
  first,
  final,
  payload: Buffer.from(payload),
})
const binary = (payload: Buffer, first = true, final = true): Frame => ({ kind: 'binary', first, final, payload })

function decode(bytes: Buffer | readonly Buffer[], options: FrameDecoderOptions = { from: 'upstream' }): Frame[] {
  const decoder = createFrameDecoder(options)
  return (Buffer.isBuffer(bytes) ? [bytes] : bytes).flatMap((chunk) => [...decoder.push(chunk)])
}

/** The close code that these bytes earn, or what they decode to. */
function failureOf(hex: string, options?: FrameDecoderOptions): number | Frame[] {
  try {
    return decode(Buffer.from(hex, 'hex'), options)
  } catch (error) {
    if (error instanceof WebSocketError) return error.closeCode
    throw error
  }
}

describe('the examples of RFC 6455 §5.7', () => {
  test.each<[string, 'client' | 'upstream', string, Frame[]]>([
    ['unmasked text', 'upstream', '810548656c6c6f', [text('Hello')]],
    ['masked text', 'client', '818537fa213d7f9f4d5158', [text('Hello')]],
    ['fragmented text', 'upstream', '010348656c80026c6f', [text('Hel', true, false), text('lo', false, true)]],
    ['ping', 'upstream', '890548656c6c6f', [{ kind: 'ping', payload: Buffer.from('Hello') }]],
    ['masked pong', 'client', '8a8537fa213d7f9f4d5158', [{ kind: 'pong', payload: Buffer.from('Hello') }]],
    ['256 bytes', 'upstream', `827e0100${'ab'.repeat(256)}`, [binary(Buffer.alloc(256, 0xab))]],
    ['64 KiB', 'upstream', `827f0000000000010000${'cd'.repeat(65536)}`, [binary(Buffer.alloc(65536, 0xcd))]],
  ])('%s is decoded, and encoded to the very bytes', (_name, from, hex, frames) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(decode(bytes, { from })).toEqual(frames)
    expect(Buffer.concat(frames.map((frame) => encodeFrame(frame, from === 'client' ? key : undefined)))).toEqual(bytes)
  })
})

describe('a close', () => {
  test('carries nothing, or a code and a reason', () => {
    expect(failureOf('8800')).toEqual([{ kind: 'close', reason: '' }])
    expect(failureOf('880403e86279')).toEqual([{ kind: 'close', code: 1000, reason: 'by' }])
    expect(encodeFrame({ kind: 'close', code: 1000, reason: 'by' }).toString('hex')).toBe('880403e86279')
    expect(encodeFrame({ kind: 'close', reason: '' }).toString('hex')).toBe('8800')
  })

  test('whose reason is too long is cut between two characters', () => {
    const bytes = encodeFrame({ kind: 'close', code: 1008, reason: `${'x'.repeat(122)}ż` })
    expect(decode(bytes)).toEqual([{ kind: 'close', code: 1008, reason: 'x'.repeat(122) }])
  })
})

describe('what is no valid frame', () => {
  test.each<[string, string, number]>([
    ['a reserved bit', 'c10548656c6c6f', 1002],
    ['a reserved opcode', '8300', 1002],
    ['a reserved control opcode', '8b00', 1002],
    ['a masked frame of a server', '818537fa213d7f9f4d5158', 1002],
    ['a length in 16 bits that fits 7', `827e007d${'00'.repeat(125)}`, 1002],
    ['a length in 64 bits that fits 16', '827f000000000000ffff', 1002],
    ['a length with its highest bit set', '827f8000000000000000', 1002],
    ['a length beyond the limit', '827f0000000040000001', 1009],
    ['a control frame in fragments', '090548656c6c6f', 1002],
    ['a control frame of 126 bytes', '897e007e', 1002],
    ['a continuation of nothing', '80026c6f', 1002],
    ['a message within a message', '010348656c810548656c6c6f', 1002],
    ['a continuation of a message that ended', '810548656c6c6f80026c6f', 1002],
    ['text that is no UTF-8', '8102c328', 1007],
    ['text that ends within a character', '8101c3', 1007],
    ['text with a surrogate', '8103eda080', 1007],
    ['a close with one byte', '880103', 1002],
    ['a close code that never travels', '880203ee', 1002],
    ['a close code that nobody registered', '880207d0', 1002],
    ['a close reason that is no UTF-8', '880403e8c328', 1007],
    ['anything behind a close', '880081', 1002],
    ['HTTP', Buffer.from('HTTP/1.1 200 OK\r\n').toString('hex'), 1002],
  ])('%s is refused', (_name, hex, closeCode) => {
    expect(failureOf(hex)).toBe(closeCode)
  })

  test('an unmasked frame of a client is refused', () => {
    expect(failureOf('810548656c6c6f', { from: 'client' })).toBe(1002)
  })

  test('a message is refused when its fragments together announce more than the limit', () => {
    expect(failureOf('010348656c80026c6f', { from: 'upstream', maxMessageBytes: 5 })).toHaveLength(2)
    expect(failureOf('010348656c80026c6f', { from: 'upstream', maxMessageBytes: 4 })).toBe(1009)
  })

  test('frames before it are given all the same', () => {
    const seen: Frame[] = []
    expect(() => {
      for (const frame of createFrameDecoder({ from: 'upstream' }).push(Buffer.from('8900ff', 'hex'))) seen.push(frame)
    }).not.toThrow()
    expect(() => {
      for (const frame of createFrameDecoder({ from: 'upstream' }).push(Buffer.from('8900ffff', 'hex')))
        seen.push(frame)
    }).toThrow(WebSocketError)
    expect(seen.map(({ kind }) => kind)).toEqual(['ping', 'ping'])
  })
})

describe('a message', () => {
  test('may have control frames between its fragments', () => {
    expect(failureOf('010348656c890080026c6f')).toEqual([
      text('Hel', true, false),
      { kind: 'ping', payload: Buffer.alloc(0) },
      text('lo', false, true),
    ])
  })

  test('larger than a part comes in parts, which end between two characters', () => {
    const content = 'ż'.repeat(maxPartBytes) + '!'
    const parts = decode(encodeFrame(text(`a${content}`), key), { from: 'client' })
    expect(parts.map((part) => part.kind === 'text' && [part.first, part.final, part.payload.length])).toEqual([
      [true, false, maxPartBytes - 1],
      [false, false, maxPartBytes],
      [false, true, 3],
    ])
    expect(parts.map((part) => (part.kind === 'text' ? part.payload.toString() : '')).join('')).toBe(`a${content}`)
  })

  test('in fragments without content is one frame', () => {
    expect(failureOf('0100000000008000')).toEqual([text('')])
  })
})

const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }).map((payload) => text(payload)),
  fc.uint8Array({ maxLength: 300 }).map((payload) => binary(Buffer.from(payload))),
  fc
    .tuple(fc.constantFrom('ping' as const, 'pong' as const), fc.uint8Array({ maxLength: 125 }))
    .map(([kind, payload]): Frame => ({ kind, payload: Buffer.from(payload) })),
)
const messages = fc.array(frames, { minLength: 1, maxLength: 6 })
const streamOf = (sent: readonly Frame[], maskingKey?: Buffer): Buffer =>
  Buffer.concat(sent.map((frame) => encodeFrame(frame, maskingKey)))

test('what is encoded is decoded, from either side and however it is cut', () => {
  fc.assert(
    fc.property(
      messages
        .chain((sent) => fc.tuple(fc.constant(sent), fc.boolean()))
        .chain(([sent, masked]) => {
          const stream = streamOf(sent, masked ? key : undefined)
          return fc.tuple(fc.constant(sent), fc.constant(masked), cutsOf(stream))
        }),
      ([sent, masked, chunks]) => {
        expect(decode(chunks, { from: masked ? 'client' : 'upstream' })).toEqual(sent)
      },
    ),
  )
})

test('a large frame gives the same parts however it is cut', () => {
  const stream = encodeFrame(text('żó'.repeat(maxPartBytes / 2)), key)
  // Jest compares buffers byte by byte, which takes seconds for these.
  const digest = (chunks: readonly Buffer[]): unknown =>
    decode(chunks, { from: 'client' }).map((part) => ({
      ...part,
      payload: 'payload' in part && sha256Hex(part.payload),
    }))
  const whole = digest([stream])
  fc.assert(
    fc.property(cutsOf(stream), (chunks) => expect(digest(chunks)).toEqual(whole)),
    { numRuns: 20 },
  )
})

test('only WebSocketError escapes on mutated bytes, and what comes out could be sent again', () => {
  const stream = streamOf([
    text('ada@example.com'),
    { kind: 'ping', payload: Buffer.from('x') },
    binary(Buffer.alloc(130)),
  ])
  fc.assert(
    fc.property(mutationsOf(stream).chain(cutsOf), (chunks) => {
      const decoder = createFrameDecoder({ from: 'upstream' })
      const seen: Frame[] = []
      try {
        for (const chunk of chunks) for (const frame of decoder.push(chunk)) seen.push(frame)
      } catch (error) {
        expect(error).toBeInstanceOf(WebSocketError)
      }
      expect(decode(streamOf(seen))).toEqual(seen)
    }),
    { numRuns: 500 },
  )
})
