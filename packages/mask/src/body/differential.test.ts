import { describe, expect, test } from '@jest/globals'
import { detectorNames, type MaskingProfile } from '@chaperone/api'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { compileMask } from '../mask.ts'
import { memberNames, textOfSamples } from '../testdata/samples.ts'
import { createReference } from '../testdata/reference.ts'
import { createBodyMasker } from './body-masker.ts'

const key = new Uint8Array(32).fill(7)
const profile: MaskingProfile = {
  name: 'all',
  detect: [...detectorNames],
  fields: ['$.id', '$.*.name', '*.token_type.id', '*.fax'],
  columns: [],
  replace: { strategy: 'Redact' },
}
const mask = compileMask([profile], key)!
const reference = createReference(profile, key)

const masked = (type: string, chunks: readonly Uint8Array[]): string => {
  const masker = createBodyMasker(mask, type)
  return Buffer.concat([...chunks.map((chunk) => masker.push(chunk)), masker.end()]).toString()
}

/** JSON text in any of its spellings: white space, and characters escaped that need not be. */
const jsonText: fc.Arbitrary<string> = fc
  .tuple(
    fc.letrec<{ value: unknown; list: unknown; record: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        textOfSamples,
        fc.constantFrom(4111111111111111, 12.5, -0.25, 1e21, true, false, null, 1700000000000),
        tie('list'),
        tie('record'),
      ),
      list: fc.array(tie('value'), { maxLength: 4 }),
      record: fc.dictionary(memberNames, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    })).value,
    fc.constantFrom(undefined, 1, '\t'),
    fc.array(fc.nat({ max: 9 }), { minLength: 7, maxLength: 7 }),
  )
  .map(([value, indent, dice]) => {
    let count = 0
    return JSON.stringify(value, null, indent).replaceAll(/"(?:[^"\\]|\\.)*"/g, (literal) =>
      literal.replaceAll(/\\.|[^"\\]/gu, (character) => {
        const roll = dice[count++ % dice.length]
        if (character === '/' && roll !== 0) return '\\/'
        if (roll !== 1 || character.startsWith('\\')) return character
        return [...Array(character.length).keys()]
          .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
          .join('')
      }),
    )
  })

/** Some chunks, or a byte each. */
const cut = (text: string): fc.Arbitrary<Buffer[]> => {
  const bytes = Buffer.from(text)
  return fc.oneof({ weight: 4, arbitrary: cutsOf(bytes) }, fc.constant([...bytes].map((byte) => Buffer.from([byte]))))
}

describe('the fast way gives what the simple way gives, however the body is cut', () => {
  test.each(['application/json', 'text/plain'])('for JSON that is declared %s', (type) => {
    fc.assert(
      fc.property(
        jsonText
          .filter((text) => type === 'application/json' || /^[{[]/.test(text))
          .chain((text) => fc.tuple(fc.constant(text), cut(text))),
        ([text, chunks]) => {
          expect(masked(type, chunks)).toBe(reference.json(text))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('for text', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.tuple(textOfSamples, fc.constantFrom('\n', '\r\n')), { maxLength: 6 })
          .map((lines) => `:${lines.map((line) => line.join('')).join('')}`)
          // A key that is not closed goes on, there and here: what the lines within it say is not theirs alone.
          .filter((text) => !text.includes('-----BEGIN'))
          .chain((text) => fc.tuple(fc.constant(text), cut(text))),
        ([text, chunks]) => {
          const lines = text.split(/(?<=\n)/)
          expect(masked('text/plain', chunks)).toBe(lines.map(reference.text).join(''))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('a body in pieces gives what it gives in one', () => {
  const line = fc.oneof(textOfSamples, jsonText)
  test.each<[string, fc.Arbitrary<string>]>([
    ['text/plain', fc.array(line).map((lines) => lines.join('\n'))],
    [
      'text/plain',
      fc.tuple(line, fc.nat({ max: 70_000 }), line).map(([a, gap, b]) => a + 'lorem ipsum '.repeat(gap / 12) + b),
    ],
    ['application/x-www-form-urlencoded', fc.array(line).map((parts) => parts.map(encodeURIComponent).join('&a='))],
    ['text/event-stream', fc.array(line).map((lines) => lines.map((each) => `data: ${each}\n\n`).join(''))],
    ['text/event-stream', fc.array(line).map((lines) => lines.map((each) => `data:${each}\r\n`).join('\r\n'))],
    [
      'application/x-ndjson',
      fc.array(jsonText.map((text) => text.replaceAll(/\n\s*/g, ''))).map((lines) => lines.join('\n')),
    ],
  ])('%s %#', (type, bodies) => {
    const outcome = (chunks: readonly Uint8Array[]): string => {
      try {
        return masked(type, chunks)
      } catch (error) {
        return (error as Error).message
      }
    }
    fc.assert(
      fc.property(
        bodies.chain((text) => fc.tuple(fc.constant(text), cutsOf(Buffer.from(text)))),
        ([text, chunks]) => {
          expect(outcome(chunks)).toBe(outcome([Buffer.from(text)]))
        },
      ),
    )
  })
})
