import type { CallOptions, KubeClient } from './kube-client.ts'
import { nameOf, type KubeObject } from './object.ts'
import type { JsonPatchOperation } from './patch.ts'
import type { Resource } from './resource.ts'

/**
 * Adds a finalizer to the object as it was read, or returns it unchanged when it has it. The patch tests the list that
 * was read, so a concurrent change fails as ERR_KUBE_INVALID and is retried from a fresh read.
 */
export function addFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  change: { readonly finalizer: string } & CallOptions,
): Promise<T> {
  const before = object.metadata.finalizers ?? []
  if (before.includes(change.finalizer)) return Promise.resolve(object)
  return replace(client, resource, object, { ...change, after: [...before, change.finalizer] })
}

/** The opposite, once everything outside the cluster is cleaned up: never before. */
export function removeFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  change: { readonly finalizer: string } & CallOptions,
): Promise<T> {
  const before = object.metadata.finalizers ?? []
  if (!before.includes(change.finalizer)) return Promise.resolve(object)
  return replace(client, resource, object, { ...change, after: before.filter((each) => each !== change.finalizer) })
}

function replace<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  { after, finalizer: _, ...options }: { readonly after: readonly string[]; readonly finalizer: string } & CallOptions,
): Promise<T> {
  const { uid, finalizers } = object.metadata
  const path = '/metadata/finalizers'
  const body: JsonPatchOperation[] = [
    { op: 'test', path: '/metadata/uid', value: uid },
    ...(finalizers === undefined
      ? [{ op: 'add' as const, path, value: after }]
      : [
          { op: 'test' as const, path, value: finalizers },
          { op: 'replace' as const, path, value: after },
        ]),
  ]
  return client.patch(resource, nameOf(object), { type: 'json', body }, options)
}
