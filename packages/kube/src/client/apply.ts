import type { CallOptions, KubeClient } from './kube-client.ts'
import { nameOf, type KubeObject, type KubeObjectMeta, type UnstructuredObject } from './object.ts'
import type { Resource } from './resource.ts'

/** Server-side apply under one stable field manager: fields we stop naming are removed, fields of others stay. */
export interface Applier {
  /** Creates or updates; takes contested fields, since what we own we own. */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    desired: KubeObject | UnstructuredObject,
    options?: CallOptions,
  ): Promise<T>
  /** The same for the status subresource: send all conditions that we own. The object must exist. */
  applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    desired: KubeObject | UnstructuredObject,
    options?: CallOptions,
  ): Promise<T>
}

/** `fieldManager` must never change between versions of a program, else the old one's fields stay for ever. */
export function createApplier(client: Pick<KubeClient, 'patch'>, fieldManager: string): Applier {
  const patch = <T extends KubeObject>(
    resource: Resource<T>,
    desired: KubeObject | UnstructuredObject,
    options: CallOptions & { readonly subresource?: string },
  ): Promise<T> =>
    client.patch(
      resource,
      nameOf(desired),
      { type: 'apply', body: withoutManagedFields(desired), fieldManager, force: true },
      options,
    )
  return {
    apply: (resource, desired, options = {}) => patch(resource, desired, options),
    applyStatus: (resource, desired, options = {}) => patch(resource, desired, { ...options, subresource: 'status' }),
  }
}

/** The server refuses an applied object that carries managedFields. */
function withoutManagedFields(object: KubeObject): KubeObject {
  const metadata: KubeObjectMeta & { managedFields: undefined } = { ...object.metadata, managedFields: undefined }
  return { ...object, metadata }
}
