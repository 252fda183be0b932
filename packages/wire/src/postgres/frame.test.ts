import { describe, expect, test } from '@jest/globals'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { WireError } from '../errors.ts'
import { createFrameDecoder, frame } from './frame.ts'

describe('the frame decoder', () => {
  const message = fc.tuple(fc.constantFrom('Q', 'D', 'd'), fc.uint8Array({ maxLength: 200 }))
  const streams = fc
    .array(message, { minLength: 1, maxLength: 6 })
    .map((messages) => Buffer.concat(messages.map(([type, body]) => frame(type, body))))

  test('any stream gives the same frames however it is cut, and no frame changes after it was given', () => {
    fc.assert(
      fc.property(
        streams.chain((stream) => fc.tuple(fc.constant(stream), cutsOf(stream))),
        ([stream, chunks]) => {
          const decoder = createFrameDecoder()
          const frames = chunks.flatMap((chunk) => decoder.push(chunk))
          expect(Buffer.concat(frames.map(({ bytes }) => bytes))).toEqual(stream)
          expect(decoder.rest).toHaveLength(0)
          for (const { type, body, bytes } of frames) expect(frame(type, body)).toEqual(bytes)
        },
      ),
    )
  })

  test('a large message that comes a byte at a time is one frame, and what follows it is kept', () => {
    const large = frame('d', Buffer.alloc(100_000, 'x'))
    const decoder = createFrameDecoder()
    const frames = [...large].flatMap((byte) => decoder.push(Buffer.of(byte)))
    expect(frames.map(({ bytes }) => bytes.equals(large))).toEqual([true])
    expect(decoder.push(Buffer.from('Q'))).toEqual([])
    expect(decoder.rest.toString()).toBe('Q')
  })

  test('a length beyond the limit is refused before its body is waited for', () => {
    expect(() => createFrameDecoder(1024).push(Buffer.from('5100000401', 'hex'))).toThrow(WireError)
  })

  test.each(['5100000003', '51ffffffff', '5180000000'])('%s, whose length is no length, is refused', (hex) => {
    expect(() => createFrameDecoder().push(Buffer.from(hex, 'hex'))).toThrow(WireError)
  })
})
