import { describe, expect, test } from '@jest/globals'
import { detectorNames } from '@chaperone/api'
import { MaskError } from '../errors.ts'
import { compileMask } from '../mask.ts'
import { createBodyMasker } from './body-masker.ts'

const mask = compileMask(
  [{ name: 'all', detect: [...detectorNames], fields: ['*.pin'], columns: [], replace: { strategy: 'Token' } }],
  new Uint8Array(32),
)!

/** Processor time for a body in chunks, the least of some rounds; a body may be refused, as long as that is soon. */
function work(contentType: string, body: Buffer, chunkBytes: number): number {
  let least = Infinity
  for (let round = 0; round < 2; round++) {
    const before = process.cpuUsage()
    try {
      const masker = createBodyMasker(mask, contentType)
      for (let at = 0; at < body.length; at += chunkBytes) masker.push(body.subarray(at, at + chunkBytes))
      masker.end()
    } catch (error) {
      if (!(error instanceof MaskError)) throw error
    }
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

const repeat = (piece: string) => (length: number) => piece.repeat(length / piece.length)
const bodies: [string, string, (length: number) => string][] = [
  ['at signs', 'text/plain', repeat('@')],
  ['digits', 'text/plain', repeat('4')],
  ['labels', 'text/plain', repeat('a.')],
  ['lines of names', 'text/plain', repeat('password=\n')],
  ['keys without end', 'text/plain', repeat('-----BEGIN PRIVATE KEY-----\n')],
  ['a string of at signs', 'application/json', (length) => `"${'@'.repeat(length)}"`],
  ['a string of labels', 'application/json', (length) => `"${'a.'.repeat(length / 2)}"`],
  [
    'a string of keys without end',
    'application/json',
    (length) => `"${'-----BEGIN PRIVATE KEY-----'.repeat(length / 27)}"`,
  ],
  ['a string of escapes', 'application/json', (length) => `"${String.raw`\u0040`.repeat(length / 6)}"`],
  ['a string of backslashes', 'application/json', (length) => `"${String.raw`\\`.repeat(length / 2)}"`],
  [
    'names that are all different',
    'application/json',
    (length) => `[${Array.from({ length: length / 16 }, (_, n) => `{"n${n}":1}`).join()}]`,
  ],
  ['numbers', 'application/json', (length) => `[${'1234567890123,'.repeat(length / 14)}1]`],
  ['spaces', 'application/json', (length) => `1${' '.repeat(length)}`],
  ['brackets', 'application/json', repeat('[')],
  ['an event of one line', 'text/event-stream', (length) => `data: ${'a@'.repeat(length / 2)}\n\n`],
  ['an event of many lines', 'text/event-stream', (length) => `${'data:\n'.repeat(length / 6)}\n`],
  [
    'pieces that never end a word',
    'text/event-stream',
    repeat('data: {"type":"x","delta":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}\n\n'),
  ],
  ['fields of a form', 'application/x-www-form-urlencoded', repeat('a=%40&')],
]

describe('the work for a body grows with its length, however it is made and cut', () => {
  test.each(bodies)('%s', (_, contentType, bodyOf) => {
    for (const chunkBytes of [64, 64 * 1024]) {
      const [small, large] = [Buffer.from(bodyOf(8_000)), Buffer.from(bodyOf(16 * 8_000))]
      work(contentType, small, chunkBytes)
      const [some, more] = [work(contentType, small, chunkBytes), work(contentType, large, chunkBytes)]
      // Sixteen times in proportion, 256 times for the square; the sum takes out what a clock cannot tell.
      expect(more).toBeLessThan(80 * (some + 1_000))
    }
  })
})
