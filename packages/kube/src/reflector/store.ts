import { keyOf, type KubeObject } from '../client/object.ts'
import { StoreFullError } from '../errors.ts'

/** The values under which an object is found in an index. */
export type Indexer<T> = (object: T) => readonly string[]

/** The last known state of a set of objects. Objects are shared: never change one. It may lag behind the API server. */
export interface Store<T extends KubeObject> {
  readonly size: number
  /** By `namespace/name`, or `name` for cluster-scoped objects. */
  get(key: string): T | undefined
  list(namespace?: string): T[]
  /** Throws RangeError for an index that was not declared. */
  byIndex(index: string, value: string): T[]
}

/** What a change did. */
export type StoreChange<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T }

export interface WritableStore<T extends KubeObject> extends Store<T> {
  /** Undefined when the resource version is the one it has. Throws StoreFullError. */
  set(object: T): StoreChange<T> | undefined
  delete(object: T): StoreChange<T> | undefined
  /** Makes the store hold exactly `objects`; the changes in the order deleted, then added and updated. */
  replace(objects: readonly T[]): StoreChange<T>[]
}

export function createStore<T extends KubeObject>(
  indexers: Readonly<Record<string, Indexer<T>>>,
  maxObjects: number,
): WritableStore<T> {
  const objects = new Map<string, T>()
  const indexes = new Map(Object.entries(indexers).map(([name, indexer]) => [name, createIndex(indexer)]))

  const put = (key: string, object: T | undefined, previous: T | undefined): void => {
    if (object === undefined) objects.delete(key)
    else objects.set(key, object)
    for (const index of indexes.values()) index.move(key, previous, object)
  }
  const present = (keys: Iterable<string>): T[] =>
    Array.from(keys, (key) => objects.get(key)).filter((object) => object !== undefined)

  const store: WritableStore<T> = {
    get size() {
      return objects.size
    },
    get: (key) => objects.get(key),
    list: (namespace) =>
      [...objects.values()].filter((object) => namespace === undefined || object.metadata.namespace === namespace),
    byIndex(name, value) {
      const index = indexes.get(name)
      if (index === undefined) throw new RangeError(`index ${name} is not declared`)
      return present(index.keys(value))
    },
    set(object) {
      const key = keyOf(object)
      const previous = objects.get(key)
      if (previous !== undefined && isSame(previous, object)) return undefined
      if (previous === undefined && objects.size >= maxObjects) throw new StoreFullError(maxObjects)
      put(key, object, previous)
      return previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous }
    },
    delete(object) {
      const key = keyOf(object)
      const previous = objects.get(key)
      if (previous === undefined) return undefined
      put(key, undefined, previous)
      return { type: 'deleted', object }
    },
    replace(next) {
      if (next.length > maxObjects) throw new StoreFullError(maxObjects)
      const keys = new Set(next.map(keyOf))
      const gone = [...objects.values()].filter((object) => !keys.has(keyOf(object)))
      return [...gone.map((object) => store.delete(object)), ...next.map((object) => store.set(object))].filter(
        (change) => change !== undefined,
      )
    },
  }
  return store
}

/** The uid too: an object that was deleted and made anew in one moment of ours is another object. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.resourceVersion === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid
}

interface Index<T> {
  keys(value: string): Iterable<string>
  move(key: string, from: T | undefined, to: T | undefined): void
}

function createIndex<T>(indexer: Indexer<T>): Index<T> {
  const keysByValue = new Map<string, Set<string>>()
  return {
    keys: (value) => keysByValue.get(value) ?? [],
    move(key, from, to) {
      for (const value of from === undefined ? [] : indexer(from)) {
        const keys = keysByValue.get(value)
        keys?.delete(key)
        if (keys?.size === 0) keysByValue.delete(value)
      }
      for (const value of to === undefined ? [] : indexer(to)) {
        const keys = keysByValue.get(value) ?? new Set()
        keysByValue.set(value, keys.add(key))
      }
    },
  }
}
