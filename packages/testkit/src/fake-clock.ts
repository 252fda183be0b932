import type { Clock, Random } from '@chaperone/core'

/** A clock that stands still until a test moves it. `now`, `nowNs` and `elapsedMs` move together. */
export interface FakeClock extends Clock {
  /** Moves time forward, waking sleepers in order; each one's consequences settle before the next wakes. */
  advance(ms: number): Promise<void>
  /** Lets everything run that does not wait for time, a socket or a file. */
  settle(): Promise<void>
  /** Milliseconds that each sleeper still waits, shortest first. */
  readonly sleepers: readonly number[]
  /** Resolves as soon as somebody sleeps whose remaining milliseconds pass `accepts` (default: anybody). */
  untilSleeper(accepts?: (remainingMs: number) => boolean): Promise<void>
}

interface Sleeper {
  readonly wakeAt: number
  readonly wake: () => void
}

interface Waiter {
  readonly accepts: (remainingMs: number) => boolean
  readonly resolve: () => void
}

/** Rounds of the event loop that let chains of promises and `setImmediate` run out. */
const settleRounds = 5

/** A fake clock that starts at `startMs` (Unix epoch; default 2026-01-01T00:00:00Z). */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let elapsed = 0
  let lastNs = 0n
  const sleeping = new Set<Sleeper>()
  const waiters = new Set<Waiter>()

  const next = (until: number): Sleeper | undefined => {
    let first: Sleeper | undefined
    for (const sleeper of sleeping) {
      if (sleeper.wakeAt <= until && (first === undefined || sleeper.wakeAt < first.wakeAt)) first = sleeper
    }
    return first
  }
  const tellWaiters = (remainingMs: number): void => {
    for (const waiter of waiters) {
      if (!waiter.accepts(remainingMs)) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
  }

  const clock: FakeClock = {
    now: () => startMs + elapsed,
    nowNs() {
      const ns = BigInt(Math.round((startMs + elapsed) * 1000)) * 1000n
      lastNs = ns > lastNs ? ns : lastNs + 1n
      return lastNs
    },
    elapsedMs: () => elapsed,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error)
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          sleeping.delete(sleeper)
          reject(signal?.reason as Error)
        }
        const sleeper: Sleeper = {
          wakeAt: elapsed + Math.max(0, ms),
          wake() {
            signal?.removeEventListener('abort', leave)
            resolve()
          },
        }
        sleeping.add(sleeper)
        signal?.addEventListener('abort', leave, { once: true })
        tellWaiters(Math.max(0, ms))
      })
    },
    async advance(ms) {
      const until = elapsed + ms
      await clock.settle()
      for (let sleeper = next(until); sleeper !== undefined; sleeper = next(until)) {
        elapsed = Math.max(elapsed, sleeper.wakeAt)
        sleeping.delete(sleeper)
        sleeper.wake()
        await clock.settle()
      }
      elapsed = until
    },
    async settle() {
      for (let round = 0; round < settleRounds; round += 1) await new Promise<void>((resolve) => setImmediate(resolve))
    },
    get sleepers() {
      return [...sleeping].map((sleeper) => sleeper.wakeAt - elapsed).sort((a, b) => a - b)
    },
    untilSleeper(accepts = () => true) {
      if (clock.sleepers.some(accepts)) return Promise.resolve()
      return new Promise((resolve) => waiters.add({ accepts, resolve }))
    },
  }
  return clock
}

/** Randomness that repeats the given fractions for ever (default: always one half); bytes are all zero. */
export function createFakeRandom(...fractions: readonly number[]): Random {
  let drawn = 0
  return {
    fraction: () => fractions[drawn++ % fractions.length] ?? 0.5,
    bytes: (count) => new Uint8Array(count),
  }
}
