import type { Clock } from '@chaperone/core'
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts'

/** For metrics, named as controller-runtime's; durations in seconds. */
export interface WorkQueueObserver {
  /** workqueue_adds_total */
  added?(): void
  /** workqueue_depth */
  depth?(keys: number): void
  /** workqueue_queue_duration_seconds */
  started?(queuedSeconds: number): void
  /** workqueue_work_duration_seconds */
  finished?(workSeconds: number): void
  /** workqueue_retries_total */
  retried?(): void
}

/**
 * client-go's work queue: a key is held once however often it is added; a key added while it is being worked on is
 * handed out again afterwards, never to two workers at once.
 */
export interface WorkQueue {
  /** Keys that wait for a worker. */
  readonly length: number
  add(key: string): void
  /** Adds after a delay; of several delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void
  /** Adds after the back-off of a key that failed. */
  addRateLimited(key: string): void
  /** Ends the back-off of a key. */
  forget(key: string): void
  failures(key: string): number
  /** The next key; undefined once the queue has shut down. Each key must be given back with `done`. */
  get(): Promise<string | undefined>
  done(key: string): void
  /** Hands out nothing more, forgets what waits, and resolves when no key is being worked on. */
  shutDown(): Promise<void>
}

/** Timers count milliseconds in 31 bits; a key that comes a day early is only reconciled once more. */
const maxDelayMs = 86_400_000

export function createWorkQueue(options: {
  readonly clock: Clock
  readonly observer?: WorkQueueObserver
  readonly rateLimiter?: RateLimiter
}): WorkQueue {
  return new KeyQueue(options.clock, options.observer ?? {}, options.rateLimiter ?? createRateLimiter(options.clock))
}

class KeyQueue implements WorkQueue {
  readonly #clock: Clock
  readonly #observer: WorkQueueObserver
  readonly #rateLimiter: RateLimiter
  /** Keys that wait, in order, with the time of their adding. A Map keeps the order of insertion. */
  readonly #queued = new Map<string, number>()
  /** Keys that were added while they were being worked on. */
  readonly #dirty = new Set<string>()
  /** Keys that are being worked on, with the time of their start. */
  readonly #processing = new Map<string, number>()
  readonly #delayed = new Map<string, { readonly readyMs: number; readonly cancel: AbortController }>()
  #idleWorkers: ((key: string | undefined) => void)[] = []
  #drained: PromiseWithResolvers<void> | undefined

  constructor(clock: Clock, observer: WorkQueueObserver, rateLimiter: RateLimiter) {
    this.#clock = clock
    this.#observer = observer
    this.#rateLimiter = rateLimiter
  }

  get length(): number {
    return this.#queued.size
  }

  add(key: string): void {
    if (this.#drained !== undefined || this.#queued.has(key) || this.#dirty.has(key)) return
    this.#observer.added?.()
    if (this.#processing.has(key)) this.#dirty.add(key)
    else this.#enqueue(key)
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#drained !== undefined) return
    if (delayMs <= 0) {
      this.add(key)
      return
    }
    const boundedMs = Math.min(delayMs, maxDelayMs)
    const readyMs = this.#clock.elapsedMs() + boundedMs
    const waiting = this.#delayed.get(key)
    if (waiting !== undefined && waiting.readyMs <= readyMs) return
    waiting?.cancel.abort()
    const cancel = new AbortController()
    this.#delayed.set(key, { readyMs, cancel })
    this.#clock.sleep(boundedMs, cancel.signal).then(
      () => {
        this.#delayed.delete(key)
        this.add(key)
      },
      () => undefined,
    )
  }

  addRateLimited(key: string): void {
    this.#observer.retried?.()
    this.addAfter(key, this.#rateLimiter.nextDelayMs(key))
  }

  forget(key: string): void {
    this.#rateLimiter.forget(key)
  }

  failures(key: string): number {
    return this.#rateLimiter.failures(key)
  }

  get(): Promise<string | undefined> {
    if (this.#drained !== undefined) return Promise.resolve(undefined)
    const [next] = this.#queued
    if (next === undefined) return new Promise((resolve) => this.#idleWorkers.push(resolve))
    return Promise.resolve(this.#start(...next))
  }

  done(key: string): void {
    const startedMs = this.#processing.get(key)
    if (startedMs === undefined) return
    this.#processing.delete(key)
    this.#observer.finished?.((this.#clock.elapsedMs() - startedMs) / 1000)
    if (this.#dirty.delete(key) && this.#drained === undefined) this.#enqueue(key)
    if (this.#processing.size === 0) this.#drained?.resolve()
  }

  shutDown(): Promise<void> {
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers()
      for (const { cancel } of this.#delayed.values()) cancel.abort()
      this.#delayed.clear()
      this.#queued.clear()
      this.#dirty.clear()
      this.#observer.depth?.(0)
      for (const resolve of this.#idleWorkers) resolve(undefined)
      this.#idleWorkers = []
    }
    if (this.#processing.size === 0) this.#drained.resolve()
    return this.#drained.promise
  }

  #enqueue(key: string): void {
    const nowMs = this.#clock.elapsedMs()
    this.#queued.set(key, nowMs)
    this.#observer.depth?.(this.#queued.size)
    const worker = this.#idleWorkers.shift()
    if (worker !== undefined) worker(this.#start(key, nowMs))
  }

  #start(key: string, queuedMs: number): string {
    const nowMs = this.#clock.elapsedMs()
    this.#queued.delete(key)
    this.#processing.set(key, nowMs)
    this.#observer.depth?.(this.#queued.size)
    this.#observer.started?.((nowMs - queuedMs) / 1000)
    return key
  }
}
