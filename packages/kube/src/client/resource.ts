import { KubeNameError } from '../errors.ts'
import type { KubeObject, ObjectName, UnstructuredObject } from './object.ts'

/** A resource of the API: the constant that requests are addressed with. */
export interface Resource<T extends KubeObject = UnstructuredObject> {
  /** Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  /** Never set: it carries the type of the objects. */
  readonly object?: T
}

/** `v1`, `chaperone.dev/v1alpha1`: what objects of the resource say in `apiVersion`. */
export function apiVersionOf(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

/** The path of a collection; without `namespace`, of all namespaces. */
export function collectionPath(resource: Resource<KubeObject>, namespace?: string): string {
  const root = resource.group === '' ? '/api' : `/apis/${segment('group', resource.group)}`
  const versioned = `${root}/${segment('version', resource.version)}`
  const plural = segment('plural', resource.plural)
  if (namespace === undefined) return `${versioned}/${plural}`
  if (!resource.namespaced) throw new KubeNameError(`namespace: expected none, ${resource.plural} are cluster-scoped`)
  return `${versioned}/namespaces/${segment('namespace', namespace)}/${plural}`
}

/** The path of one object or of a subresource of it. */
export function objectPath(resource: Resource<KubeObject>, name: ObjectName, subresource?: string): string {
  if (resource.namespaced && name.namespace === undefined)
    throw new KubeNameError(`namespace: expected one, ${resource.plural} are namespaced`)
  const path = `${collectionPath(resource, name.namespace)}/${segment('name', name.name)}`
  return subresource === undefined ? path : `${path}/${segment('subresource', subresource)}`
}

/**
 * Refuses what Kubernetes refuses in a path segment (apimachinery pkg/api/validation/path), so that a hostile name can
 * never address another object.
 */
function segment(what: string, value: string): string {
  if (value === '' || value === '.' || value === '..' || /[/%]/.test(value))
    throw new KubeNameError(`${what}: expected a path segment`)
  return encodeURIComponent(value)
}
