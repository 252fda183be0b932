import { KubeNameError } from '../errors.ts'

/** The parts of metav1.ObjectMeta that this package and its callers read. All others pass through untouched. */
export interface KubeObjectMeta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Any object of the API, as the JSON that was sent: never a class, so nothing unknown is lost. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: KubeObjectMeta
}

/** An object whose other members have no declared type. */
export type UnstructuredObject = KubeObject & { readonly [member: string]: unknown }

/** Which object of a resource. `namespace` is absent exactly for cluster-scoped resources. */
export interface ObjectName {
  readonly namespace?: string
  readonly name: string
}

/** What the object is called; its name is empty when the server is to generate it. */
export function nameOf({ metadata: { namespace, name } }: { readonly metadata: KubeObjectMeta }): ObjectName {
  return { name: name ?? '', ...(namespace === undefined ? {} : { namespace }) }
}

/** `namespace/name`, or `name` for cluster-scoped objects: the key of stores and work queues. */
export function keyOf(object: { readonly metadata: KubeObjectMeta }): string {
  return nameKey(nameOf(object))
}

export function nameKey({ namespace, name }: ObjectName): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** The inverse of `nameKey`. */
export function parseKey(key: string): ObjectName {
  const [first = '', second, ...rest] = key.split('/')
  if (first === '' || second === '' || rest.length > 0) throw new KubeNameError('key: expected namespace/name or name')
  return second === undefined ? { name: first } : { namespace: first, name: second }
}
