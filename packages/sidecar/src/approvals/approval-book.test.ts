import { describe, expect, test } from '@jest/globals'
import type { ApprovalState } from '@chaperone/api'
import { createFakeClock } from '@chaperone/testkit'
import { createApprovalBook } from './approval-book.ts'

const setUp = () => {
  const clock = createFakeClock()
  const book = createApprovalBook(clock)
  const learn = (change: Partial<ApprovalState> = {}) =>
    book.learned({
      name: 'devin-1',
      digest: 'd',
      outcome: 'Pending',
      grant: 'Once',
      consumed: false,
      expiresAt: new Date(clock.now() + 1_800_000).toISOString(),
      ...change,
    })
  const watch = (waitMs: number, signal = new AbortController().signal) => book.watch('devin-1', waitMs, signal)
  return { clock, book, learn, watch }
}

describe('whoever watches an approval', () => {
  test('hears of the decision when it is made', async () => {
    const { clock, learn, watch } = setUp()
    learn()
    const watched = watch(55_000)
    await clock.settle()
    learn({ outcome: 'Approved' })
    expect(await watched).toMatchObject({ outcome: 'Approved' })
  })

  test('hears that nothing is decided when the time is up', async () => {
    const { clock, learn, watch } = setUp()
    learn()
    const watched = watch(55_000)
    await clock.advance(55_000)
    expect(await watched).toMatchObject({ outcome: 'Pending' })
  })

  test('hears of the end by our own clock', async () => {
    const { clock, learn, watch } = setUp()
    learn({ expiresAt: new Date(clock.now() + 1000).toISOString() })
    const watched = watch(55_000)
    await clock.advance(1000)
    expect(await watched).toMatchObject({ outcome: 'Expired' })
  })

  test('hears nothing of what this pod has not asked for', async () => {
    expect(await setUp().watch(55_000)).toBeUndefined()
  })

  test('is let go when the client is', async () => {
    const { clock, learn, watch } = setUp()
    learn()
    const client = new AbortController()
    const watched = watch(55_000, client.signal)
    await clock.settle()
    client.abort()
    expect(await watched).toMatchObject({ outcome: 'Pending' })
    expect(clock.sleepers).toEqual([])
  })

  test('does not wait when many wait already', async () => {
    const { clock, learn, watch } = setUp()
    learn()
    for (let waiting = 0; waiting < 64; waiting++) void watch(55_000)
    await clock.settle()
    expect(await watch(55_000)).toMatchObject({ outcome: 'Pending' })
    expect(clock.sleepers).toHaveLength(64)
  })
})

test('news that are late make nothing pending again', async () => {
  const { learn, watch } = setUp()
  learn({ outcome: 'Denied', reason: 'no' })
  learn()
  expect(await watch(0)).toMatchObject({ outcome: 'Denied', reason: 'no' })
})

test('no more approvals are remembered than the limit', async () => {
  const { book, learn, watch } = setUp()
  learn()
  for (let made = 0; made < 1000; made++) learn({ name: `other-${made}` })
  expect(await watch(0)).toBeUndefined()
  expect(await book.watch('other-999', 0, new AbortController().signal)).toBeDefined()
})
