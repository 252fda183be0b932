import type { KubeObject } from '../client/object.ts'
import type { StoreChange } from './store.ts'

/** What a reflector tells; called synchronously, in the order of the changes, after the store has changed. */
export interface ReflectorHandler<T> {
  added?(object: T): void
  updated?(object: T, previous: T): void
  /** The last known state; the object may have changed once more before it went. */
  deleted?(object: T): void
}

export interface Handlers<T> {
  /** Tells the new handler of `existing` at once. Returns its removal. */
  add(handler: ReflectorHandler<T>, existing: readonly T[]): () => void
  call(change: StoreChange<T>): void
}

/** A set of handlers of which none can harm another: what one throws goes to `onError`. */
export function createHandlers<T extends KubeObject>(onError: (error: unknown) => void): Handlers<T> {
  const handlers = new Set<ReflectorHandler<T>>()
  const tell = (handler: ReflectorHandler<T>, change: StoreChange<T>): void => {
    try {
      switch (change.type) {
        case 'added':
          return handler.added?.(change.object)
        case 'updated':
          return handler.updated?.(change.object, change.previous)
        case 'deleted':
          return handler.deleted?.(change.object)
      }
    } catch (error) {
      onError(error)
    }
  }
  return {
    add(handler, existing) {
      handlers.add(handler)
      for (const object of existing) tell(handler, { type: 'added', object })
      return () => void handlers.delete(handler)
    },
    call(change) {
      for (const handler of [...handlers]) tell(handler, change)
    },
  }
}
