import type { KubeObject, UnstructuredObject } from './object.ts'

/** RFC 6902. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly path: string; readonly from: string }

/** How an object is changed. The type is always explicit: servers differ in what they take by default. */
export type Patch =
  /** JSON merge patch (RFC 7386): null removes, lists are replaced. `metadata.resourceVersion` is an optimistic lock. */
  | { readonly type: 'merge'; readonly body: object }
  /** JSON patch (RFC 6902); a failed `test` is ERR_KUBE_INVALID. */
  | { readonly type: 'json'; readonly body: readonly JsonPatchOperation[] }
  /** Server-side apply: the whole of what `fieldManager` wants, and nothing else. `force` takes contested fields. */
  | {
      readonly type: 'apply'
      readonly body: KubeObject | UnstructuredObject
      readonly fieldManager: string
      readonly force: boolean
    }

/** JSON is YAML, so apply takes JSON under its YAML name. */
export const patchContentTypes: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
}
