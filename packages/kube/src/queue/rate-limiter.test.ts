import { describe, expect, test } from '@jest/globals'
import { createFakeClock } from '@chaperone/testkit'
import { createRateLimiter } from './rate-limiter.ts'
import { createTokenBucket } from './token-bucket.ts'

describe('the back-off of a key', () => {
  test('doubles from 5 ms to 1000 s and starts over when forgotten', async () => {
    const clock = createFakeClock()
    const limiter = createRateLimiter(clock)
    const delays: number[] = []
    for (let failure = 0; failure < 20; failure += 1) {
      delays.push(limiter.nextDelayMs('a'))
      await clock.advance(1000)
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40])
    expect(delays.slice(17)).toEqual([655_360, 1_000_000, 1_000_000])
    expect(limiter.failures('a')).toBe(20)
    expect(limiter.nextDelayMs('b')).toBe(5)
    limiter.forget('a')
    expect(limiter.failures('a')).toBe(0)
    expect(limiter.nextDelayMs('a')).toBe(5)
  })

  test('is at least the share of 10 a second when a hundred keys have failed at once', () => {
    const limiter = createRateLimiter(createFakeClock())
    const delays = Array.from({ length: 110 }, (_, index) => limiter.nextDelayMs(`key-${index}`))
    expect(delays[99]).toBe(5)
    expect(delays[100]).toBe(100)
    expect(delays[109]).toBe(1000)
  })
})

describe('a token bucket', () => {
  test('gives its burst, then what has refilled', async () => {
    const clock = createFakeClock()
    const bucket = createTokenBucket(clock, { burst: 2, perSecond: 1 })
    expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false])
    await clock.advance(1000)
    expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false])
    await clock.advance(3_600_000)
    expect([bucket.tryTake(), bucket.tryTake(), bucket.tryTake()]).toEqual([true, true, false])
  })
})
