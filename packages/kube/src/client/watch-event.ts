import { KubeApiError } from '../errors.ts'
import type { KubeObject } from './object.ts'
import { statusError } from './status-error.ts'

/** One step of a watch. A bookmark only says how far the server has looked. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string }

interface RawEvent {
  readonly type?: unknown
  readonly object?: RawObject
}

interface RawObject {
  readonly code?: unknown
  readonly metadata?: { readonly name?: unknown; readonly resourceVersion?: unknown }
}

/** Parses one line of a watch (metav1.WatchEvent). An ERROR event and anything malformed throw KubeApiError. */
export function parseWatchEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const { type, object } = parseLine(line)
  if (type === 'ERROR') throw statusError(typeof object?.code === 'number' ? object.code : 500, object)
  const { name, resourceVersion } = object?.metadata ?? {}
  if (typeof resourceVersion === 'string') {
    if (type === 'BOOKMARK') return { type, resourceVersion }
    if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && typeof name === 'string')
      return { type, object: object as unknown as T }
  }
  throw new KubeApiError('ERR_KUBE_PROTOCOL', 'watch event: expected a known type and an object')
}

function parseLine(line: string): RawEvent {
  try {
    const parsed = JSON.parse(line) as RawEvent | null
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {
    // The same fault as any other malformed line.
  }
  throw new KubeApiError('ERR_KUBE_PROTOCOL', 'watch event: expected a JSON object')
}
