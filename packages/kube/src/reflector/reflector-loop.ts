import { isAborted, pause } from '../abort-signal.ts'
import type { Selection } from '../client/kube-client.ts'
import { listAll } from '../client/list-all.ts'
import type { KubeObject } from '../client/object.ts'
import type { WatchEvent } from '../client/watch-event.ts'
import { isKubeError, KubeApiError, WatchError } from '../errors.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { createHandlers, type Handlers, type ReflectorHandler } from './handlers.ts'
import type { Reflector, ReflectorObserver, ReflectorOptions, WatchEnd } from './reflector.ts'
import { createStore, type WritableStore } from './store.ts'
import { createWatchdog } from './watchdog.ts'

/** The server ends a watch after a random time in this range, so that clients spread over the servers; as client-go. */
const watchSeconds = { min: 300, max: 600 }
/**
 * A watch that has said nothing for longer is replaced: its connection may be dead without anybody telling us. It need
 * not be: of a quiet resource the API server sends bookmarks, one a minute, only when etcd tells it of its progress.
 */
const silenceMs = 90_000
/** A safety net against a missed event: the list is read anew. */
const relistMs = 600_000
/** client-go's reflector. */
const backoffLimits = { baseMs: 800, capMs: 30_000 }
/** A server that asks for more is asked again sooner. */
const maxRetryAfterMs = 60_000
/** A watch that ends sooner, without an event, is a failure; client-go's "very short watch". */
const minWatchMs = 1000
/** Kubernetes is built for 150 000 pods, of all kinds the most numerous. */
const defaultMaxObjects = 200_000

/** LIST, then WATCH from there; from the last known version after a cut, from a new LIST after 410. */
export class ReflectorLoop<T extends KubeObject> implements Reflector<T> {
  readonly store: WritableStore<T>
  readonly #options: ReflectorOptions<T>
  readonly #observer: ReflectorObserver
  readonly #transform: (object: T) => T
  readonly #selection: Selection
  readonly #maxObjects: number
  readonly #handlers: Handlers<T>
  readonly #backoff: Backoff
  readonly #synced = Promise.withResolvers<undefined>()
  #hasSynced = false
  #resourceVersion: string | undefined
  #listedMs: number
  #heardMs: number

  constructor(options: ReflectorOptions<T>) {
    const { namespace, labelSelector, fieldSelector } = options
    this.#options = options
    this.#observer = options.observer ?? {}
    this.#transform = options.transform ?? withoutManagedFields
    this.#selection = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    }
    this.#maxObjects = options.maxObjects ?? defaultMaxObjects
    this.store = createStore(options.indexers ?? {}, this.#maxObjects)
    this.#handlers = createHandlers((error) => this.#observer.handlerFailed?.(error))
    this.#backoff = createBackoff(options.random, backoffLimits)
    this.#listedMs = this.#heardMs = this.#nowMs()
  }

  hasSynced(): boolean {
    return this.#hasSynced
  }

  synced(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return this.#synced.promise
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', leave, { once: true })
      void this.#synced.promise.then(() => {
        signal.removeEventListener('abort', leave)
        resolve()
      })
    })
  }

  addHandler(handler: ReflectorHandler<T>): () => void {
    return this.#handlers.add(handler, this.store.list())
  }

  lastEventAgeMs(): number {
    return this.#nowMs() - this.#heardMs
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined || this.#nowMs() - this.#listedMs >= relistMs) await this.#list(signal)
        await this.#watch(signal)
      } catch (error) {
        if (!isAborted(signal)) await this.#recover(error, signal)
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource } = this.#options
    const all = await listAll(client, resource, { ...this.#selection, signal, maxItems: this.#maxObjects })
    for (const change of this.store.replace(all.items.map(this.#transform))) this.#handlers.call(change)
    this.#resourceVersion = all.resourceVersion
    this.#listedMs = this.#heardMs = this.#nowMs()
    this.#observer.listed?.(all.items.length)
    this.#hasSynced = true
    this.#synced.resolve(undefined)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const startedMs = this.#nowMs()
    let end: WatchEnd = 'ended'
    try {
      const events = await this.#follow(signal)
      if (events === 0 && this.#nowMs() - startedMs < minWatchMs)
        throw new WatchError('ERR_KUBE_WATCH_SHORT', 'watch: expected an event or a second of waiting')
      this.#backoff.reset()
    } catch (error) {
      end = endOf(error)
      if (end !== 'silent') throw error
    } finally {
      if (!signal.aborted) this.#observer.watchEnded?.(end)
    }
  }

  /** One watch, to its end. Returns the number of events. */
  async #follow(signal: AbortSignal): Promise<number> {
    const { client, clock, resource } = this.#options
    const ending = new AbortController()
    const forward = (): void => ending.abort(signal.reason)
    signal.addEventListener('abort', forward, { once: true })
    const watchdog = createWatchdog(clock, silenceMs, () =>
      ending.abort(new WatchError('ERR_KUBE_WATCH_SILENT', `watch: expected an event within ${silenceMs} ms`)),
    )
    let events = 0
    try {
      const stream = await client.watch(resource, {
        ...this.#selection,
        resourceVersion: this.#resourceVersion ?? '',
        timeoutSeconds: this.#timeoutSeconds(),
        signal: ending.signal,
      })
      this.#heardMs = this.#nowMs()
      for await (const event of stream) {
        watchdog.heard()
        this.#take(event)
        events += 1
        if (events === 1) this.#backoff.reset()
      }
      return events
    } finally {
      watchdog.stop()
      signal.removeEventListener('abort', forward)
    }
  }

  #take(event: WatchEvent<T>): void {
    this.#heardMs = this.#nowMs()
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion
      return
    }
    const object = this.#transform(event.object)
    const change = event.type === 'DELETED' ? this.store.delete(object) : this.store.set(object)
    this.#resourceVersion = event.object.metadata.resourceVersion
    if (change !== undefined) this.#handlers.call(change)
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    // Whatever is not between us and the server (a full store, a transform that threw) may have lost an event.
    const between = error instanceof KubeApiError || error instanceof WatchError
    if (!between || endOf(error) === 'gone') this.#resourceVersion = undefined
    const askedMs = error instanceof KubeApiError ? Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs) : 0
    const retryMs = Math.max(askedMs, this.#backoff.nextMs())
    this.#observer.failed?.(error, retryMs)
    await pause(this.#options.clock, retryMs, signal)
  }

  #timeoutSeconds(): number {
    const untilRelist = Math.max(1, Math.ceil((this.#listedMs + relistMs - this.#nowMs()) / 1000))
    const drawn = watchSeconds.min + this.#options.random.fraction() * (watchSeconds.max - watchSeconds.min)
    return Math.min(Math.round(drawn), untilRelist)
  }

  #nowMs(): number {
    return this.#options.clock.elapsedMs()
  }
}

function endOf(error: unknown): WatchEnd {
  if (isKubeError(error, 'ERR_KUBE_GONE')) return 'gone'
  return error instanceof WatchError && error.code === 'ERR_KUBE_WATCH_SILENT' ? 'silent' : 'failed'
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, managedFields: undefined } }
}
