import { describe, expect, test } from '@jest/globals'
import { cutsOf } from '@chaperone/testkit'
import fc from 'fast-check'
import { createTally } from '../tally.ts'
import { createLiteralMasker } from './literal-masker.ts'

const hide = (literals: string[], chunks: (string | Uint8Array)[]) => {
  const tally = createTally()
  const masker = createLiteralMasker(
    literals.map((literal) => Buffer.from(literal)),
    'Credential',
    tally,
  )
  const pieces = [...chunks.map((chunk) => masker.push(Buffer.from(chunk))), masker.end()]
  return { pieces: pieces.map(String), text: Buffer.concat(pieces).toString('latin1'), tally }
}

describe('a known value', () => {
  test('is hidden at its length, and counted', () => {
    const { text, tally } = hide(['s3cret'], ['a s3cret, s3cre and s3crets3cret'])
    expect(text).toBe('a ******, s3cre and ************')
    expect(tally.findings).toEqual([{ detector: 'Credential', count: 3 }])
  })

  test('is hidden however the bytes are cut, and counted once', () => {
    const bytes = Buffer.concat([Buffer.of(0, 255, 128), Buffer.from('ss3crets3cs3cret3'), Buffer.of(254)])
    fc.assert(
      fc.property(cutsOf(bytes), (chunks) => {
        const { text, tally } = hide(['s3cret'], chunks)
        expect(Buffer.from(text, 'latin1')).toEqual(
          Buffer.concat([Buffer.of(0, 255, 128), Buffer.from('s******s3c******3'), Buffer.of(254)]),
        )
        expect(tally.total).toBe(2)
      }),
    )
  })

  test('that overlaps another or itself leaves no part of either', () => {
    fc.assert(
      fc.property(cutsOf(Buffer.from('xabab*abcdeababcdex')), (chunks) => {
        expect(hide(['abab', 'ab*abc', 'bcde'], chunks).text).toBe(`x${'*'.repeat(17)}x`)
      }),
    )
  })

  test('whose start alone is there is shown in the end', () => {
    expect(hide(['s3cret'], ['s3', 'cre']).text).toBe('s3cre')
  })

  test('delays nothing that could not be its start', () => {
    expect(hide(['s3cret'], ['data: 1\n\n', 'data: s3']).pieces).toEqual(['data: 1\n\n', 'data: ', 's3'])
  })

  test('whatever the bytes and however they are cut, the same is hidden as in one piece', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 5 })
    const bodies = fc.array(letters, { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(letters, { minLength: 1, maxLength: 3 }), bodies, (literals, chunks) => {
        expect(hide(literals, chunks).text).toBe(hide(literals, [chunks.join('')]).text)
      }),
    )
  })
})
