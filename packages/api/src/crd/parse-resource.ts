import { Value } from 'typebox/value'
import type { TSchema } from 'typebox'
import type { Kind } from '../kinds/kind.ts'
import { celRules, type CelRule } from '../shapes/schema.ts'
import { patternWords } from '../shapes/scalars.ts'
import { resourceSchema } from './to-crd.ts'

/** One thing wrong with a resource, as the API server would say it. */
export interface Problem {
  /** `spec.egress.rules[2].to.hosts[0]`. */
  readonly field: string
  /** What was expected and what was given. */
  readonly message: string
}

export type Parsed<T> =
  { readonly ok: true; readonly resource: T } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Values longer than this are not echoed back in a message. */
const maxEchoCharacters = 80

/** Fills in defaults and validates a resource of `kind` as the API server does, reporting every problem at once. */
export function parseResource<T>(kind: Kind, input: unknown): Parsed<T> {
  const schema = resourceSchema(kind)
  const value: unknown = Value.Default(schema, structuredClone(input))
  const problems = shapeProblems(schema, value)
  if (problems.length === 0) problems.push(...ruleProblems(kind.spec, (value as { spec: unknown }).spec, 'spec'))
  return problems.length === 0 ? { ok: true, resource: value as T } : { ok: false, problems }
}

function shapeProblems(schema: TSchema, value: unknown): Problem[] {
  const problems = new Map<string, Problem>()
  for (const error of Value.Errors(schema, value)) {
    const field = fieldOf(error.instancePath)
    const params = error.params as ErrorParams
    const given = echo(Value.Pointer.Get(value, error.instancePath))
    if (error.keyword === 'boolean') problems.set(field, { field, message: 'unknown field' })
    else if (error.keyword === 'required') {
      for (const name of params.requiredProperties ?? [])
        problems.set(`${field}.${name}`, { field: join(field, name), message: 'required, but missing' })
    } else if (error.keyword !== 'additionalProperties' && !problems.has(field)) {
      problems.set(field, { field, message: `${expectation(error.keyword, params) ?? error.message}; given ${given}` })
    }
  }
  return [...problems.values()]
}

interface ErrorParams {
  readonly requiredProperties?: readonly string[]
  readonly allowedValues?: readonly unknown[]
  readonly allowedValue?: unknown
  readonly pattern?: string | RegExp
}

/** What the validator says less well. */
function expectation(keyword: string, params: ErrorParams): string | undefined {
  if (params.allowedValues !== undefined) return `must be one of ${params.allowedValues.join(', ')}`
  if (keyword === 'const') return `expected ${String(params.allowedValue)}`
  const words = patternWords[String(params.pattern)]
  return words === undefined ? undefined : `expected ${words}`
}

function ruleProblems(schema: TSchema, value: unknown, field: string): Problem[] {
  if (value === undefined || value === null) return []
  const node = schema as TSchema & {
    [celRules]?: readonly CelRule<unknown>[]
    properties?: Record<string, TSchema>
    items?: TSchema
  }
  const problems: Problem[] = []
  for (const rule of node[celRules] ?? []) {
    if (rule.check?.(value) === false)
      problems.push({ field: `${field}${rule.fieldPath ?? ''}`, message: rule.message })
  }
  for (const [name, child] of Object.entries(node.properties ?? {}))
    problems.push(...ruleProblems(child, (value as Record<string, unknown>)[name], join(field, name)))
  if (node.items !== undefined)
    for (const [index, item] of (value as unknown[]).entries())
      problems.push(...ruleProblems(node.items, item, `${field}[${index}]`))
  return problems
}

function fieldOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : join(path, part)), '')
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function echo(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'object' ? (Array.isArray(value) ? 'a list' : 'an object') : JSON.stringify(value)
  return text.length > maxEchoCharacters ? `${text.slice(0, maxEchoCharacters)}…` : text
}
