import { expect, test } from '@jest/globals'
import { createFakeClock } from '@chaperone/testkit'
import type { TokenReviewStatus } from './caller.ts'
import { maxAgeMs, maxTokens, withTokenCache } from './token-cache.ts'

function setUp(status: TokenReviewStatus = { authenticated: true }) {
  const clock = createFakeClock()
  const asked: string[] = []
  const review = withTokenCache((token) => {
    asked.push(token)
    return Promise.resolve(status)
  }, clock)
  return { clock, asked, ask: (token: string) => review(token, ['chaperone']) }
}

test('the API server is asked about a token once a minute', async () => {
  const { clock, asked, ask } = setUp()
  expect(await ask('t')).toEqual({ authenticated: true })
  await clock.advance(maxAgeMs - 1)
  expect(await ask('t')).toEqual({ authenticated: true })
  expect(asked).toEqual(['t'])
  await clock.advance(1)
  await ask('t')
  expect(asked).toEqual(['t', 't'])
})

test('a refusal is never remembered: a token may become valid', async () => {
  const { asked, ask } = setUp({ authenticated: false })
  await ask('t')
  await ask('t')
  expect(asked).toEqual(['t', 't'])
})

test('no more tokens are remembered than the limit, and the newest is among them', async () => {
  const { asked, ask } = setUp()
  for (let each = 0; each <= maxTokens; each++) await ask(`t${each}`)
  asked.length = 0
  await ask(`t${maxTokens}`)
  expect(asked).toEqual([])
  await ask('t0')
  expect(asked).toEqual(['t0'])
})

test('a review that failed is made again', async () => {
  let calls = 0
  const review = withTokenCache(() => {
    calls += 1
    return calls === 1 ? Promise.reject(new Error('away')) : Promise.resolve({ authenticated: true })
  }, createFakeClock())
  await expect(review('t', [])).rejects.toThrow('away')
  expect(await review('t', [])).toEqual({ authenticated: true })
})
