import { describe, expect, test } from '@jest/globals'
import { createFakeClock, type FakeClock } from '@chaperone/testkit'
import { runController, type ControllerOptions, type Reconcile } from './run-controller.ts'
import { createWorkQueue, type WorkQueue } from './work-queue.ts'

interface Fixture {
  readonly clock: FakeClock
  readonly queue: WorkQueue
  readonly seen: string[]
  readonly stop: () => void
  readonly ended: Promise<void>
}

function start(reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Fixture {
  const clock = createFakeClock()
  const queue = createWorkQueue({ clock })
  const stop = new AbortController()
  const seen: string[] = []
  const ended = runController({
    clock,
    queue,
    reconcile,
    signal: stop.signal,
    observer: {
      reconciled: (result, seconds) => seen.push(`${result} ${seconds}s`),
      failed: (key, error, failures) => seen.push(`${key} failed ${failures}: ${(error as Error).message}`),
      activeWorkers: (workers) => seen.push(`active ${workers}`),
    },
    ...options,
  })
  return { clock, queue, seen, stop: () => stop.abort(new Error('shutdown')), ended }
}

describe('a controller', () => {
  test('reconciles each key and forgets its failures', async () => {
    const keys: string[] = []
    const { clock, ended, queue, seen, stop } = start((key) => {
      keys.push(key)
      return Promise.resolve({})
    })
    queue.add('ns/a')
    queue.add('ns/b')
    await clock.settle()
    expect(keys).toEqual(['ns/a', 'ns/b'])
    expect(seen).toEqual(['active 1', 'success 0s', 'active 0', 'active 1', 'success 0s', 'active 0'])
    stop()
    await ended
  })

  test('comes back after the time that a reconcile asks for, without a back-off', async () => {
    let calls = 0
    const { clock, queue, seen } = start(() => {
      calls += 1
      return Promise.resolve(calls === 1 ? { requeueAfterMs: 30_000 } : {})
    })
    queue.add('a')
    await clock.settle()
    expect(seen).toContain('requeue_after 0s')
    expect(queue.failures('a')).toBe(0)
    await clock.advance(29_999)
    expect(calls).toBe(1)
    await clock.advance(1)
    expect(calls).toBe(2)
  })

  test('retries what throws, even at once and not as a promise, with back-off', async () => {
    let calls = 0
    const { clock, queue, seen } = start(() => {
      calls += 1
      if (calls === 1) throw new Error('sync')
      return calls === 2 ? Promise.reject(new Error('async')) : Promise.resolve({})
    })
    queue.add('a')
    await clock.advance(5)
    await clock.advance(10)
    expect(calls).toBe(3)
    expect(seen.filter((line) => line.includes('failed'))).toEqual(['a failed 1: sync', 'a failed 2: async'])
    expect(queue.failures('a')).toBe(0)
  })

  test('works on several keys at once, on one key never twice at once', async () => {
    const running: string[] = []
    let most = 0
    const { clock, queue } = start(
      async (key) => {
        expect(running).not.toContain(key)
        running.push(key)
        most = Math.max(most, running.length)
        await clock.sleep(10)
        running.splice(running.indexOf(key), 1)
        return {}
      },
      { workers: 2 },
    )
    for (const key of ['a', 'b', 'c']) queue.add(key)
    await clock.settle()
    queue.add('a')
    await clock.advance(100)
    expect(most).toBe(2)
    expect(running).toEqual([])
  })

  test('aborts a reconcile that takes too long and retries it', async () => {
    const { clock, queue, seen } = start(
      (_key, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
      { timeoutMs: 1000 },
    )
    queue.add('a')
    await clock.advance(1000)
    expect(seen).toContain('a failed 1: reconcile: expected an end within 1000 ms')
  })

  test('on shutdown finishes the work under way and starts no other', async () => {
    const done: string[] = []
    const { clock, ended, queue, stop } = start(async (key) => {
      await clock.sleep(1000)
      done.push(key)
      return {}
    })
    queue.add('a')
    queue.add('b')
    await clock.settle()
    stop()
    await clock.advance(1000)
    await ended
    expect(done).toEqual(['a'])
  })

  test('on shutdown waits 20 seconds at most, then aborts the work under way', async () => {
    const reasons: unknown[] = []
    const { clock, ended, queue, stop } = start(
      (_key, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason as Error)
          })
        }),
    )
    queue.add('stuck')
    await clock.settle()
    stop()
    await clock.advance(19_999)
    expect(reasons).toEqual([])
    await clock.advance(1)
    await ended
    expect(reasons).toEqual([new Error('shutdown')])
  })
})
