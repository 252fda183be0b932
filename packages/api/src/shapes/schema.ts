import { Type, type Static, type TObject, type TProperties, type TSchema, type TSchemaOptions } from 'typebox'

/** A CEL rule (Kubernetes `x-kubernetes-validations`) with the same check in TypeScript for use without an API server. */
export interface CelRule<T> {
  readonly rule: string
  readonly message: string
  /** Relative to the object that carries the rule, `.port`; the field to blame. */
  readonly fieldPath?: string
  readonly reason?: 'FieldValueInvalid' | 'FieldValueRequired' | 'FieldValueForbidden'
  /** True when the value obeys; absent for transition rules, which only the API server can judge. */
  readonly check?: (self: T) => boolean
}

/** A closed object: unknown fields are errors. `description` is what `kubectl explain` prints. */
export function object<P extends TProperties>(
  properties: P,
  options: TSchemaOptions & { description: string },
): TObject<P> {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** Attaches CEL rules; the TypeScript twins travel in a symbol, so that they never reach the YAML. */
export function withRules<S extends TSchema>(schema: S, rules: readonly CelRule<Static<S>>[]): S {
  if (rules.length === 0) return schema
  return Object.assign(schema, {
    'x-kubernetes-validations': rules.map(({ check: _check, ...rule }) => rule),
    [celRules]: rules,
  })
}

export const celRules: unique symbol = Symbol('celRules')

/** Marks an array whose items are merged by key (server-side apply). */
export function listMap(...keys: readonly string[]): Record<string, unknown> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
}

export const setList: Record<string, unknown> = { 'x-kubernetes-list-type': 'set' }
export const atomicList: Record<string, unknown> = { 'x-kubernetes-list-type': 'atomic' }

/** A CamelCase string enum (API conventions: no booleans that may grow). */
export function enumeration<const V extends string[]>(
  values: readonly [...V],
  options: { description: string; default?: V[number] },
) {
  return Type.Enum(values as [...V], { type: 'string', ...options })
}
