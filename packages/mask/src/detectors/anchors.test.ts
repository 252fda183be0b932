import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { anchorsOf } from './anchors.ts'
import { allDetectors } from './index.ts'
import { memberNames, samples, textOfSamples } from '../testdata/samples.ts'

describe('anchors', () => {
  test('every sample is found by some detector, so that the properties below say something', () => {
    for (const sample of samples) expect(allDetectors.some(({ find }) => find(`x ${sample} y`).length > 0)).toBe(true)
  })

  test('whatever a detector finds has one of its anchors', () => {
    fc.assert(
      fc.property(textOfSamples, (text) => {
        const anchors = anchorsOf(text)
        for (const [bit, { find }] of allDetectors.entries())
          if (find(text).length > 0) expect(anchors & (1 << bit)).not.toBe(0)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a name that makes something of its value has one too', () => {
    fc.assert(
      fc.property(
        memberNames,
        fc.constantFrom(...samples, '078051120', samples[19]?.slice(11) ?? ''),
        (name, value) => {
          const anchors = anchorsOf(name)
          for (const [bit, { named }] of allDetectors.entries())
            if (named?.(name, value) === true) expect(anchors & (1 << bit)).not.toBe(0)
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('texts without personal data have none', () => {
    const text =
      'The order of 2026-01-15T10:30:00Z (v1.2.3, 12.50 EUR) was shipped: see https://example.com/orders/4711?page=2'
    expect(anchorsOf(text)).toBe(0)
  })
})
