import type { Clock, Random } from '@chaperone/core'
import type { KubeClient, Selection } from '../client/kube-client.ts'
import type { KubeObject } from '../client/object.ts'
import type { Resource } from '../client/resource.ts'
import type { ReflectorHandler } from './handlers.ts'
import { ReflectorLoop } from './reflector-loop.ts'
import type { Indexer, Store } from './store.ts'

/** Why a watch ended. `ended`: its time was up. `silent`: nothing was heard for long; it is replaced at once. */
export type WatchEnd = 'ended' | 'gone' | 'silent' | 'failed'

/** For metrics and logs; never throws. */
export interface ReflectorObserver {
  /** A list has been read, the first or a later one. */
  listed?(objects: number): void
  watchEnded?(end: WatchEnd): void
  /** A list or watch failed; it will be tried again in `retryMs`. */
  failed?(error: unknown, retryMs: number): void
  /** A handler threw; the others were called and the store is right. */
  handlerFailed?(error: unknown): void
}

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly client: Pick<KubeClient, 'list' | 'watch'>
  readonly clock: Clock
  readonly random: Random
  readonly resource: Resource<T>
  readonly indexers?: Readonly<Record<string, Indexer<T>>>
  /** Trims an object before it is kept. Default: drops `metadata.managedFields`, which nobody reads and is half of many objects. */
  readonly transform?: (object: T) => T
  readonly observer?: ReflectorObserver
  readonly maxObjects?: number
}

/** A local, indexed copy of a set of objects that follows the API server through every failure. */
export interface Reflector<T extends KubeObject> {
  readonly store: Store<T>
  /** Follows until the signal aborts; never rejects. To be called once. */
  run(signal: AbortSignal): Promise<void>
  /** Whether the first list has been read. Stays true while the API server is away. */
  hasSynced(): boolean
  /** Resolves with the first list; rejects with the signal's reason. */
  synced(signal?: AbortSignal): Promise<void>
  /** Called for every change, and at once with `added` for what is already there. Returns its removal. */
  addHandler(handler: ReflectorHandler<T>): () => void
  /**
   * Milliseconds since the API server last said anything: an event, a bookmark, a list or that it accepts a watch. A quiet
   * watch is replaced every 90 s, so that more than twice that means that the API server is away.
   */
  lastEventAgeMs(): number
}

/** A reflector for one resource, idle until `run`. */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  return new ReflectorLoop(options)
}
