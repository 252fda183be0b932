import { describe, expect, test } from '@jest/globals'
import { createFakeClock } from '@chaperone/testkit'
import fc from 'fast-check'
import { createWorkQueue, type WorkQueue, type WorkQueueObserver } from './work-queue.ts'

const newQueue = (observer: WorkQueueObserver = {}) => {
  const clock = createFakeClock()
  return { clock, queue: createWorkQueue({ clock, observer }) }
}

/** What a worker would be given now, if anything. */
async function takeNow(queue: WorkQueue): Promise<string | undefined> {
  return queue.length === 0 ? undefined : queue.get()
}

describe('a work queue', () => {
  test('hands out keys in order, each once however often it was added', async () => {
    const { queue } = newQueue()
    for (const key of ['a', 'b', 'a', 'c', 'a']) queue.add(key)
    expect(queue.length).toBe(3)
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c'])
  })

  test('hands a key that was added during its work out again, but only after the work', async () => {
    const { queue } = newQueue()
    queue.add('a')
    expect(await queue.get()).toBe('a')
    queue.add('a')
    queue.add('a')
    expect(queue.length).toBe(0)
    queue.done('a')
    expect(queue.length).toBe(1)
    expect(await queue.get()).toBe('a')
    queue.done('a')
    expect(queue.length).toBe(0)
  })

  test('wakes one waiting worker for each key, in order', async () => {
    const { queue } = newQueue()
    const first = queue.get()
    const second = queue.get()
    queue.add('a')
    queue.add('b')
    expect(await Promise.all([first, second])).toEqual(['a', 'b'])
  })

  test('adds after a delay, the earliest of several', async () => {
    const { clock, queue } = newQueue()
    queue.addAfter('a', 5000)
    queue.addAfter('a', 1000)
    queue.addAfter('a', 9000)
    expect(clock.sleepers).toEqual([1000])
    await clock.advance(999)
    expect(queue.length).toBe(0)
    await clock.advance(1)
    expect(queue.length).toBe(1)
    queue.addAfter('b', 0)
    expect(queue.length).toBe(2)
  })

  test('never sleeps longer than a timer can count', () => {
    const { clock, queue } = newQueue()
    queue.addAfter('a', 1e12)
    expect(clock.sleepers).toEqual([86_400_000])
  })

  test('adds a failed key after its back-off, longer each time until it is forgotten', async () => {
    const { clock, queue } = newQueue()
    for (const delayMs of [5, 10, 20]) {
      queue.addRateLimited('a')
      expect(clock.sleepers).toEqual([delayMs])
      await clock.advance(delayMs)
      queue.done((await queue.get()) ?? '')
    }
    expect(queue.failures('a')).toBe(3)
    queue.forget('a')
    queue.addRateLimited('a')
    expect(clock.sleepers).toEqual([5])
  })

  test('on shutdown hands out nothing more and waits for the work under way', async () => {
    const { clock, queue } = newQueue()
    queue.add('a')
    await queue.get()
    const idle = queue.get()
    queue.add('b')
    expect(await idle).toBe('b')
    const waiting = queue.get()
    queue.addAfter('later', 1000)
    let drained = false
    const shutDown = queue.shutDown().then(() => (drained = true))
    expect(await waiting).toBeUndefined()
    expect(clock.sleepers).toEqual([])
    queue.add('c')
    queue.addAfter('d', 10)
    queue.done('a')
    await clock.settle()
    expect(drained).toBe(false)
    queue.done('b')
    await shutDown
    expect(await queue.get()).toBeUndefined()
    expect(queue.length).toBe(0)
    await queue.shutDown()
  })

  test('reports what the metrics of controller-runtime need', async () => {
    const seen: string[] = []
    const { clock, queue } = newQueue({
      added: () => seen.push('added'),
      depth: (keys) => seen.push(`depth ${keys}`),
      started: (seconds) => seen.push(`queued ${seconds}s`),
      finished: (seconds) => seen.push(`worked ${seconds}s`),
      retried: () => seen.push('retried'),
    })
    queue.add('a')
    await clock.advance(2000)
    await queue.get()
    await clock.advance(3000)
    queue.addRateLimited('a')
    queue.done('a')
    expect(seen).toEqual(['added', 'depth 1', 'depth 0', 'queued 2s', 'retried', 'worked 3s'])
  })

  test('never loses a key and never hands one to two workers', async () => {
    const step = fc.tuple(fc.constantFrom('add', 'take', 'done'), fc.constantFrom('a', 'b', 'c'))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { queue } = newQueue()
        const owed = new Set<string>()
        const working = new Set<string>()
        for (const [kind, key] of steps) {
          if (kind === 'add') {
            queue.add(key)
            owed.add(key)
          } else if (kind === 'done') {
            if (working.delete(key)) queue.done(key)
          } else {
            const taken = await takeNow(queue)
            if (taken === undefined) continue
            expect(working.has(taken)).toBe(false)
            working.add(taken)
            owed.delete(taken)
          }
        }
        for (const key of working) queue.done(key)
        for (let key = await takeNow(queue); key !== undefined; key = await takeNow(queue)) owed.delete(key)
        expect([...owed]).toEqual([])
      }),
    )
  })
})
