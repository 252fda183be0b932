import type { Clock } from '@chaperone/core'
import { KubeApiError } from '../errors.ts'
import { loadKubeConnection, type KubeClientConfig } from './kube-config.ts'
import { nameOf, type KubeObject, type ObjectName } from './object.ts'
import { type Patch, patchContentTypes } from './patch.ts'
import { apiVersionOf, collectionPath, objectPath, type Resource } from './resource.ts'
import { createTransport, type Transport, type TransportRequest } from './transport.ts'
import { parseWatchEvent, type WatchEvent } from './watch-event.ts'
import { createLineSplitter } from './watch-lines.ts'

export interface CallOptions {
  /** Default: 30 s. */
  readonly timeoutMs?: number
  /** The call rejects with its reason. */
  readonly signal?: AbortSignal
}

export interface WriteOptions extends CallOptions {
  /** `status`, `scale`, `token`, …; for `create`, of the object that `metadata.name` names. */
  readonly subresource?: string
  /** Admission and validation run; nothing is stored. */
  readonly dryRun?: boolean
  readonly fieldManager?: string
}

export interface DeleteOptions extends CallOptions {
  /** Delete only this incarnation. */
  readonly uid?: string
  readonly resourceVersion?: string
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
  readonly gracePeriodSeconds?: number
}

export interface Selection {
  /** Default: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ListOptions extends CallOptions, Selection {
  /** Items in one page; default: all. */
  readonly limit?: number
  /** Where the page before ended. */
  readonly continueToken?: string
  /** Absent: as fresh as etcd. `0`: whatever the server has. */
  readonly resourceVersion?: string
}

export interface ObjectList<T extends KubeObject> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  /** Present when there are more. */
  readonly continueToken?: string
}

export interface WatchOptions extends Selection {
  /** Changes after this one. */
  readonly resourceVersion: string
  /** The server ends the watch after this long. */
  readonly timeoutSeconds: number
  /** Until the server starts to answer; default: 30 s. */
  readonly timeoutMs?: number
  /** Ends the watch, which rejects with its reason. */
  readonly signal: AbortSignal
}

/**
 * The Kubernetes API, raw JSON in and out. Calls reject with KubeApiError (the server or the way to it), KubeConfigError
 * (our credentials) or KubeNameError (a name that must not be sent). Nothing is retried but reads on a connection that the
 * server had already closed.
 */
export interface KubeClient {
  readonly server: string
  /** Of the context or the pod. */
  readonly namespace: string
  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options?: CallOptions): Promise<T>
  /** One page. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ObjectList<T>>
  create<T extends KubeObject>(resource: Resource<T>, object: NoInfer<T>, options?: WriteOptions): Promise<T>
  /** Replaces the object; its `metadata.resourceVersion` is the optimistic lock. */
  update<T extends KubeObject>(resource: Resource<T>, object: NoInfer<T>, options?: WriteOptions): Promise<T>
  patch<T extends KubeObject>(resource: Resource<T>, name: ObjectName, patch: Patch, options?: WriteOptions): Promise<T>
  delete(resource: Resource<KubeObject>, name: ObjectName, options?: DeleteOptions): Promise<void>
  /**
   * Resolves when the server has accepted the watch, to its events as they happen. They end when the server ends the
   * watch, and reject when it breaks. A server with nothing to tell may be silent for ever: the signal is the way out.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): Promise<AsyncIterable<WatchEvent<T>>>
  /** Reads a path that is no resource, such as `/version`. */
  getPath(path: string, options?: CallOptions): Promise<unknown>
  /** Closes idle connections; calls under way go on. */
  close(): void
}

/** The API server itself gives up after a minute; half of that leaves room for one more try. */
const defaultTimeoutMs = 30_000
/** Twice etcd's default request limit (1.5 MiB), for the growth from protobuf to JSON, and more. */
const maxWatchEventBytes = 8 * 1024 * 1024

/** A client for one cluster and one identity. Throws KubeConfigError when the configuration cannot be read. */
export function createKubeClient(config: KubeClientConfig, ports: { readonly clock: Clock }): KubeClient {
  const connection = loadKubeConnection(config)
  return kubeClientOn(createTransport(connection, ports.clock), connection)
}

function kubeClientOn(
  transport: Transport,
  { server, namespace }: Pick<KubeClient, 'server' | 'namespace'>,
): KubeClient {
  const send = async <T extends KubeObject>(
    resource: Resource<T>,
    call: Pick<TransportRequest, 'method' | 'path' | 'body' | 'contentType'>,
    { timeoutMs = defaultTimeoutMs, signal }: CallOptions,
  ): Promise<T> => objectIn(resource, await transport.send({ ...call, timeoutMs, signal }))

  return {
    server,
    namespace,
    get: (resource, name, options = {}) => send(resource, { method: 'GET', path: objectPath(resource, name) }, options),
    async list(resource, options = {}) {
      const path = `${collectionPath(resource, options.namespace)}${listQuery(options)}`
      const { timeoutMs = defaultTimeoutMs, signal } = options
      return listIn(resource, await transport.send({ method: 'GET', path, timeoutMs, signal }))
    },
    create(resource, object, options = {}) {
      const name = nameOf(object)
      const path =
        options.subresource === undefined
          ? collectionPath(resource, name.namespace)
          : objectPath(resource, name, options.subresource)
      return send(resource, { method: 'POST', path: `${path}${writeQuery(options)}`, body: object }, options)
    },
    update(resource, object, options = {}) {
      const path = `${objectPath(resource, nameOf(object), options.subresource)}${writeQuery(options)}`
      return send(resource, { method: 'PUT', path, body: object }, options)
    },
    patch(resource, name, patch, options = {}) {
      const applying = patch.type === 'apply' ? { force: patch.force, fieldManager: patch.fieldManager } : {}
      const path = `${objectPath(resource, name, options.subresource)}${writeQuery({ ...options, ...applying })}`
      const content = { body: patch.body, contentType: patchContentTypes[patch.type] }
      return send(resource, { method: 'PATCH', path, ...content }, options)
    },
    async delete(resource, name, options = {}) {
      const path = objectPath(resource, name)
      await send(resource, { method: 'DELETE', path, body: deleteBody(options) }, options)
    },
    async watch(resource, options) {
      const path = `${collectionPath(resource, options.namespace)}${watchQuery(options)}`
      const { timeoutMs = defaultTimeoutMs, signal } = options
      return eventsIn(resource, await transport.stream({ method: 'GET', path, timeoutMs, signal }))
    },
    getPath: (path, { timeoutMs = defaultTimeoutMs, signal } = {}) =>
      transport.send({ method: 'GET', path, timeoutMs, signal }),
    close: () => transport.close(),
  }
}

/** The object of an answer; deletions may answer with a Status instead. */
function objectIn<T extends KubeObject>(_resource: Resource<T>, answer: unknown): T {
  const object = answer as Partial<KubeObject> | null
  if (typeof object?.apiVersion !== 'string' || typeof object.kind !== 'string')
    throw new KubeApiError('ERR_KUBE_PROTOCOL', 'answer: expected an object of the API')
  // Reviews have none.
  return { ...object, metadata: object.metadata ?? {} } as T
}

interface RawList {
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown }
  readonly items?: unknown
}

function listIn<T extends KubeObject>(resource: Resource<T>, answer: unknown): ObjectList<T> {
  const { metadata, items } = (answer ?? {}) as RawList
  if (typeof metadata?.resourceVersion !== 'string' || !(Array.isArray(items) || items === null))
    throw new KubeApiError('ERR_KUBE_PROTOCOL', 'answer: expected a list')
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind }
  return {
    // Items of built-in kinds come without these two.
    items: (items ?? []).map((item: unknown) => ({ ...kind, ...(item as T) })),
    resourceVersion: metadata.resourceVersion,
    ...(typeof metadata.continue === 'string' && metadata.continue !== '' ? { continueToken: metadata.continue } : {}),
  }
}

async function* eventsIn<T extends KubeObject>(
  _resource: Resource<T>,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const splitter = createLineSplitter(maxWatchEventBytes)
  for await (const chunk of chunks) for (const line of splitter.push(chunk)) yield parseWatchEvent<T>(line)
}

function listQuery(options: ListOptions): string {
  return query({
    ...selectionQuery(options),
    limit: options.limit,
    continue: options.continueToken,
    resourceVersion: options.resourceVersion,
  })
}

function watchQuery(options: WatchOptions): string {
  const { resourceVersion, timeoutSeconds } = options
  return query({ ...selectionQuery(options), watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds })
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): QueryParameters {
  return { labelSelector, fieldSelector }
}

function writeQuery(options: WriteOptions & { readonly force?: boolean }): string {
  const { fieldManager, force, dryRun } = options
  return query({ fieldManager, force, dryRun: dryRun === true ? 'All' : undefined })
}

function deleteBody({ uid, resourceVersion, propagation, gracePeriodSeconds }: DeleteOptions): object {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid, resourceVersion },
    propagationPolicy: propagation,
    gracePeriodSeconds,
  }
}

type QueryParameters = Readonly<Record<string, string | number | boolean | undefined>>

function query(parameters: QueryParameters): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) search.set(name, String(value))
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
