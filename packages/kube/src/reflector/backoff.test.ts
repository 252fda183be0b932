import { describe, expect, test } from '@jest/globals'
import { createFakeRandom } from '@chaperone/testkit'
import { createBackoff } from './backoff.ts'

const limits = { baseMs: 800, capMs: 30_000 }
const take = (count: number, next: () => number): number[] => Array.from({ length: count }, next)

describe('decorrelated jitter', () => {
  test('grows threefold at most, up to its cap', () => {
    const backoff = createBackoff(createFakeRandom(0.999999), limits)
    expect(take(6, () => Math.round(backoff.nextMs()))).toEqual([2400, 7200, 21_600, 30_000, 30_000, 30_000])
  })

  test('never falls below its base', () => {
    const backoff = createBackoff(createFakeRandom(0), limits)
    expect(take(3, () => backoff.nextMs())).toEqual([800, 800, 800])
  })

  test('starts over after a success', () => {
    const backoff = createBackoff(createFakeRandom(0.5), limits)
    const first = backoff.nextMs()
    backoff.nextMs()
    backoff.reset()
    expect(backoff.nextMs()).toBe(first)
  })
})
