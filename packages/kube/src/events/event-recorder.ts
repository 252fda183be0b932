import type { Clock, Random } from '@chaperone/core'
import { isAborted, pause } from '../abort-signal.ts'
import type { KubeClient } from '../client/kube-client.ts'
import { nameKey, nameOf } from '../client/object.ts'
import { isKubeError } from '../errors.ts'
import { microTime } from '../lease/lease-record.ts'
import { createTokenBucket, type TokenBucket } from '../queue/token-bucket.ts'
import { createBoundedMap } from './bounded-map.ts'
import { type EventInput, eventObject, events, type KubeEvent } from './event-object.ts'

export interface EventRecorderObserver {
  /** Not told to the API server: too many about one object, too many at once, or refused. */
  dropped?(input: EventInput, why: 'rate' | 'full' | 'failed', error?: unknown): void
}

/**
 * Tells people what happened to an object (`kubectl describe`). Best effort: events are lost when they are many and
 * expire after an hour. Never the audit trail.
 */
export interface EventRecorder {
  /** Never throws, never waits. The same thing again within six minutes only counts up the `series` of the first. */
  record(input: EventInput): void
  /** Writes what is recorded, until the signal aborts; then what is left, briefly. To be called once. */
  run(signal: AbortSignal): Promise<void>
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'patch'>
  readonly clock: Clock
  readonly random: Random
  /** A qualified name: `chaperone.dev/operator`. */
  readonly controller: string
  /** The pod. */
  readonly instance: string
  readonly observer?: EventRecorderObserver
}

/** Of events that wait to be written. */
const maxQueued = 1000
/** Of series and of objects that are remembered: client-go's cache size. */
const maxRemembered = 4096
/** Per object: 25 at once, then one in five minutes; client-go's spam filter. */
const objectRate = { burst: 25, perSecond: 1 / 300 }
/** A series that is silent for longer has ended; the next occurrence is a new event. client-go's finishTime. */
const seriesMs = 360_000
/** Between two writes of one series. */
const seriesWriteMs = 60_000
const writeTimeoutMs = 5000
/** For one write: the first try and two more. */
const attempts = 3
const retryMs = 1000
/** No write starts later than this after the end. */
const flushMs = 5000

interface Series {
  readonly event: KubeEvent
  readonly input: EventInput
  count: number
  lastMs: number
  /** The count that the server knows. */
  writtenCount: number
  writtenMs: number
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options)
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #series = createBoundedMap<Series>(maxRemembered)
  readonly #rates = createBoundedMap<TokenBucket>(maxRemembered)
  readonly #queue = new Set<Series>()
  #wake: () => void = () => undefined

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  record(input: EventInput): void {
    const { clock, observer, controller, instance, random } = this.#options
    const nowMs = clock.elapsedMs()
    const key = seriesKey(input)
    const known = this.#series.get(key)
    if (known !== undefined && nowMs - known.lastMs < seriesMs) {
      known.count += 1
      known.lastMs = nowMs
      // The second occurrence starts the series at once; later ones are gathered.
      if (known.count === 2 || nowMs - known.writtenMs >= seriesWriteMs) this.#enqueue(known)
      return
    }
    if (!this.#rateOf(input).tryTake()) {
      observer?.dropped?.(input, 'rate')
      return
    }
    const suffix = Buffer.from(random.bytes(8)).toString('hex')
    const event = eventObject(input, { controller, instance, time: microTime(clock.now()), suffix })
    const series = { event, input, count: 1, lastMs: nowMs, writtenCount: 0, writtenMs: nowMs }
    this.#series.set(key, series)
    this.#enqueue(series)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const wake = (): void => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    let gatheredMs = clock.elapsedMs()
    while (!isAborted(signal)) {
      for (const series of this.#queue) await this.#write(series, signal)
      const waiting = new AbortController()
      this.#wake = () => waiting.abort()
      const untilGatherMs = gatheredMs + seriesWriteMs - clock.elapsedMs()
      if (untilGatherMs <= 0) {
        this.#gather()
        gatheredMs = clock.elapsedMs()
      } else if (this.#queue.size === 0 && !isAborted(signal)) await pause(clock, untilGatherMs, waiting.signal)
    }
    this.#gather()
    const untilMs = clock.elapsedMs() + flushMs
    for (const series of this.#queue) if (clock.elapsedMs() < untilMs) await this.#write(series, signal)
  }

  #enqueue(series: Series): void {
    if (this.#queue.size >= maxQueued) {
      this.#options.observer?.dropped?.(series.input, 'full')
      return
    }
    this.#queue.add(series)
    this.#wake()
  }

  /** Series that have grown since they were written. */
  #gather(): void {
    for (const series of this.#series.values()) if (series.count > series.writtenCount) this.#queue.add(series)
  }

  /** Tries a few times while nothing asks us to stop, once otherwise. */
  async #write(series: Series, signal: AbortSignal): Promise<void> {
    this.#queue.delete(series)
    const { clock, observer } = this.#options
    for (let attempt = 1; ; attempt += 1) {
      const { count } = series
      try {
        await this.#send(series, count)
        series.writtenCount = count
        series.writtenMs = clock.elapsedMs()
        return
      } catch (error) {
        const transient = isKubeError(error, 'ERR_KUBE_UNAVAILABLE', 'ERR_KUBE_TIMEOUT', 'ERR_KUBE_TOO_MANY_REQUESTS')
        if (!transient || attempt === attempts || signal.aborted) {
          this.#series.delete(seriesKey(series.input))
          observer?.dropped?.(series.input, 'failed', error)
          return
        }
        await pause(clock, retryMs * attempt, signal)
      }
    }
  }

  async #send(series: Series, count: number): Promise<void> {
    const { client, clock } = this.#options
    const { event } = series
    const lastObservedTime = microTime(clock.now() - (clock.elapsedMs() - series.lastMs))
    const full = count === 1 ? event : { ...event, series: { count, lastObservedTime } }
    const create = (): Promise<unknown> => client.create(events, full, { timeoutMs: writeTimeoutMs })
    if (series.writtenCount === 0) {
      await create()
      return
    }
    const body = { series: { count, lastObservedTime } }
    try {
      await client.patch(events, nameOf(event), { type: 'merge', body }, { timeoutMs: writeTimeoutMs })
    } catch (error) {
      // It has expired in the meantime.
      if (!isKubeError(error, 'ERR_KUBE_NOT_FOUND')) throw error
      await create()
    }
  }

  #rateOf({ regarding }: EventInput): TokenBucket {
    const key = objectKey(regarding)
    const known = this.#rates.get(key)
    if (known !== undefined) return known
    const bucket = createTokenBucket(this.#options.clock, objectRate)
    this.#rates.set(key, bucket)
    return bucket
  }
}

/** Everything that the server forbids to change in a series, the note included. */
function seriesKey({ regarding, related, type, reason, action, note }: EventInput): string {
  return JSON.stringify([objectKey(regarding), related && objectKey(related), type, reason, action, note])
}

function objectKey(object: EventInput['regarding']): string {
  return `${object.kind} ${nameKey(nameOf(object))} ${object.metadata.uid ?? ''}`
}
