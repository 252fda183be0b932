import type { KubeClient } from '../src/client/kube-client.ts'
import type { KubeObject, ObjectName } from '../src/client/object.ts'
import type { Resource } from '../src/client/resource.ts'
import { KubeApiError } from '../src/errors.ts'
import type { Lease } from '../src/lease/lease-record.ts'

/** The API server as far as one Lease goes: create, read, and replace under an optimistic lock. */
export interface MemoryLeases extends Pick<KubeClient, 'get' | 'create' | 'update'> {
  lease: Lease | undefined
  /** While set, every request fails with it. */
  failure: KubeApiError | undefined
  /** While true, requests hang until their time is up. */
  silent: boolean
  /** The next write takes effect, but its answer is lost. */
  loseAnswer: boolean
  writes: number
}

export function createMemoryLeases(sleep: (ms: number) => Promise<void>): MemoryLeases {
  let version = 0
  const store = (object: KubeObject): Lease => {
    version += 1
    server.writes += 1
    server.lease = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } }
    return server.lease
  }
  const answer = async <T extends KubeObject>(timeoutMs: number | undefined, act: () => KubeObject): Promise<T> => {
    if (server.silent) {
      await sleep(timeoutMs ?? 30_000)
      throw new KubeApiError('ERR_KUBE_TIMEOUT', 'answer: expected one in time')
    }
    if (server.failure !== undefined) throw server.failure
    const object = act()
    if (server.loseAnswer && object === server.lease && server.writes > 0) {
      server.loseAnswer = false
      throw new KubeApiError('ERR_KUBE_UNAVAILABLE', 'connection: ECONNRESET')
    }
    return object as T
  }
  const server: MemoryLeases = {
    lease: undefined,
    failure: undefined,
    silent: false,
    loseAnswer: false,
    writes: 0,
    get: <T extends KubeObject>(_resource: Resource<T>, _name: ObjectName, options: { timeoutMs?: number } = {}) =>
      answer<T>(options.timeoutMs, () => {
        if (server.lease === undefined) throw new KubeApiError('ERR_KUBE_NOT_FOUND', 'leases not found')
        return server.lease
      }),
    create: <T extends KubeObject>(_resource: Resource<T>, object: T, options: { timeoutMs?: number } = {}) =>
      answer<T>(options.timeoutMs, () => {
        if (server.lease !== undefined) throw new KubeApiError('ERR_KUBE_ALREADY_EXISTS', 'leases already exists')
        return store(object)
      }),
    update: <T extends KubeObject>(_resource: Resource<T>, object: T, options: { timeoutMs?: number } = {}) =>
      answer<T>(options.timeoutMs, () => {
        if (server.lease === undefined) throw new KubeApiError('ERR_KUBE_NOT_FOUND', 'leases not found')
        if (server.lease.metadata.resourceVersion !== object.metadata.resourceVersion)
          throw new KubeApiError('ERR_KUBE_CONFLICT', 'the object has been modified')
        return store(object)
      }),
  }
  return server
}
