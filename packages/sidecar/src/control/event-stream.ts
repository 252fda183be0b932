import { controlPingIntervalMs, type ControlEvent } from '@chaperone/api'
import { errorText, type Clock, type Random } from '@chaperone/core'
import type { Logger } from 'pino'
import { ndjsonLines } from './ndjson.ts'
import { parseEvent } from './parse-event.ts'

export interface EventStream {
  /** Whether events arrive. */
  readonly isConnected: boolean
  close(): Promise<void>
}

export interface EventStreamPorts {
  readonly open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>
  readonly onEvent: (event: ControlEvent) => void
  /** Runs when events begin to arrive, after the first of them. */
  readonly onConnected: () => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** A policy holds 128 rules a list, from at most 18 objects of 1.5 MiB that the API server stores. */
const maxLineBytes = 32 * 1024 * 1024
const silenceMs = 3 * controlPingIntervalMs
const firstRetryMs = 250
const maxRetryMs = 15_000

/** Follows the director for ever: reconnects with jittered, growing waits, and when nothing is heard for too long. */
export function createEventStream(ports: EventStreamPorts): EventStream {
  const { clock, random, log } = ports
  const stopped = new AbortController()
  let isConnected = false

  const follow = async (signal: AbortSignal, heard: () => void): Promise<void> => {
    for await (const line of ndjsonLines(hearing(await ports.open(signal), heard), maxLineBytes)) {
      const event = line === '' ? undefined : parseEvent(line)
      if (event === undefined) continue
      ports.onEvent(event)
      if (!isConnected) {
        isConnected = true
        log.info('the director is there')
        ports.onConnected()
      }
    }
  }
  const run = async (): Promise<void> => {
    for (let retryMs = firstRetryMs; !stopped.signal.aborted; retryMs = Math.min(retryMs * 2, maxRetryMs)) {
      const attempt = new AbortController()
      const signal = AbortSignal.any([stopped.signal, attempt.signal])
      const watch = watchdog(clock, signal, () => attempt.abort(new Error('the director is silent')))
      let why = 'the director closed the stream'
      try {
        await follow(signal, watch)
      } catch (error) {
        why = errorText(error)
      }
      attempt.abort()
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it changes while we wait
      if (stopped.signal.aborted) return
      if (isConnected) retryMs = firstRetryMs
      isConnected = false
      log.warn({ error: why }, 'no director; the last policy stays in force')
      await clock.sleep(retryMs * (0.5 + random.fraction()), stopped.signal).catch(() => undefined)
    }
  }
  const running = run()
  return {
    get isConnected() {
      return isConnected
    },
    async close() {
      stopped.abort()
      await running
      isConnected = false
    },
  }
}

/** Calls `bark` once nothing was heard for `silenceMs`. Returns what to call when something is. */
function watchdog(clock: Clock, signal: AbortSignal, bark: () => void): () => void {
  let heardMs = clock.elapsedMs()
  const watch = async (): Promise<void> => {
    while (!signal.aborted) {
      const leftMs = heardMs + silenceMs - clock.elapsedMs()
      if (leftMs <= 0) return bark()
      await clock.sleep(leftMs, signal).catch(() => undefined)
    }
  }
  void watch()
  return () => (heardMs = clock.elapsedMs())
}

async function* hearing(stream: AsyncIterable<Uint8Array>, heard: () => void): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of stream) {
    heard()
    yield chunk
  }
}
