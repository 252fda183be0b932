import type { TObject } from 'typebox'

export const group = 'chaperone.dev'
export const version = 'v1alpha1'
export const apiVersion: `${typeof group}/${typeof version}` = `${group}/${version}`

export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'boolean'
  readonly jsonPath: string
  readonly description: string
  /** 1 shows the column only with `-o wide`. */
  readonly priority?: 0 | 1
}

/** One custom resource: the only place that knows its names, schema and columns. */
export interface Kind<S extends TObject = TObject> {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly scope: 'Namespaced' | 'Cluster'
  readonly description: string
  readonly spec: S
  readonly status: TObject
  readonly columns: readonly PrinterColumn[]
}

/** The parts of metav1.ObjectMeta that we read. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly generation?: number
  readonly resourceVersion?: string
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Resource<KindName extends string, Spec, Status> {
  readonly apiVersion: typeof apiVersion
  readonly kind: KindName
  readonly metadata: ObjectMeta
  readonly spec: Spec
  readonly status?: Status
}
