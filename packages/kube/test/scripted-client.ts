import type { ListOptions, ObjectList, WatchOptions } from '../src/client/kube-client.ts'
import type { KubeObject } from '../src/client/object.ts'
import type { Resource } from '../src/client/resource.ts'
import type { WatchEvent } from '../src/client/watch-event.ts'

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}

export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
}

export function configMap(name: string, resourceVersion: string, data: Record<string, string> = {}): ConfigMap {
  const metadata = { namespace: 'default', name, uid: `uid-${name}`, resourceVersion }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
}

/** What a scripted watch does: events in order, then an end, a failure, or silence. */
export interface ScriptedWatch {
  readonly events: readonly WatchEvent<ConfigMap>[]
  readonly then: 'end' | 'hang' | Error
}

/** A client of which a test has written every answer in advance; when the script runs out, it hangs. */
export interface ScriptedClient {
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): Promise<AsyncIterable<WatchEvent<T>>>
  readonly listsAsked: ListOptions[]
  readonly watchesAsked: WatchOptions[]
}

export function createScriptedClient(script: {
  readonly lists: readonly (ObjectList<ConfigMap> | Error)[]
  readonly watches: readonly ScriptedWatch[]
}): ScriptedClient {
  const lists = [...script.lists]
  const watches = [...script.watches]
  const listsAsked: ListOptions[] = []
  const watchesAsked: WatchOptions[] = []
  return {
    listsAsked,
    watchesAsked,
    async list<T extends KubeObject>(_resource: Resource<T>, options: ListOptions = {}) {
      listsAsked.push(options)
      const answer = lists.shift()
      if (answer === undefined) return until<never>(options.signal)
      if (answer instanceof Error) throw answer
      return Promise.resolve(answer as ObjectList<KubeObject> as ObjectList<T>)
    },
    watch<T extends KubeObject>(_resource: Resource<T>, options: WatchOptions) {
      watchesAsked.push(options)
      const watch = watches.shift() ?? { events: [], then: 'hang' }
      return Promise.resolve(
        play(watch, options.signal) as AsyncIterable<WatchEvent<KubeObject>> as AsyncIterable<WatchEvent<T>>,
      )
    },
  }
}

async function* play({ events, then }: ScriptedWatch, signal: AbortSignal): AsyncIterable<WatchEvent<ConfigMap>> {
  yield* events
  if (then instanceof Error) throw then
  if (then === 'hang') await until<never>(signal)
}

function until<T>(signal: AbortSignal | undefined): Promise<T> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
