import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock, Random } from './ports.ts'

let lastNs = 0n

/** The operating system's clock. */
export const systemClock: Clock = {
  // eslint-disable-next-line no-restricted-syntax -- the one place that reads the clock
  now: () => Date.now(),
  nowNs() {
    const ns = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n
    lastNs = ns > lastNs ? ns : lastNs + 1n
    return lastNs
  },
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
}

export const systemRandom: Random = {
  // eslint-disable-next-line no-restricted-syntax -- the one place that draws randomness
  fraction: () => Math.random(),
  bytes: (count) => randomBytes(count),
}
