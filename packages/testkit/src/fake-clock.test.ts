import { describe, expect, test } from '@jest/globals'
import { createFakeClock } from './fake-clock.ts'

describe('the fake clock', () => {
  test('stands still until it is advanced', async () => {
    const clock = createFakeClock()
    const before = clock.now()
    await clock.settle()
    expect(clock.now()).toBe(before)
    await clock.advance(1500)
    expect(clock.now() - before).toBe(1500)
    expect(clock.elapsedMs()).toBe(1500)
  })

  test('wakes sleepers in order, each at its own time', async () => {
    const clock = createFakeClock()
    const woken: [string, number][] = []
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms)
      woken.push([name, clock.elapsedMs()])
    }
    void sleeper('late', 20)
    void sleeper('early', 10).then(() => sleeper('again', 5))
    await clock.advance(100)
    expect(woken).toEqual([
      ['early', 10],
      ['again', 15],
      ['late', 20],
    ])
  })

  test('an aborted sleep rejects with the reason of its signal', async () => {
    const clock = createFakeClock()
    const controller = new AbortController()
    const sleep = clock.sleep(10, controller.signal)
    controller.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    expect(clock.sleepers).toEqual([])
    await expect(clock.sleep(10, controller.signal)).rejects.toThrow('enough')
  })

  test('untilSleeper resolves when somebody sleeps that long', async () => {
    const clock = createFakeClock()
    const seen = clock.untilSleeper((ms) => ms >= 100)
    void clock.sleep(10)
    void clock.sleep(100)
    await seen
    expect(clock.sleepers).toEqual([10, 100])
  })

  test('nanoseconds never repeat', () => {
    const clock = createFakeClock()
    expect(clock.nowNs() < clock.nowNs()).toBe(true)
  })
})
