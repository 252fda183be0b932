import type { SqlVerb } from '@chaperone/core'
import type { Node } from './parse-tree.ts'

/** Settings that change whose rights the connection has. */
const rightsSettings = new Set(['role', 'session_authorization'])

/**
 * Settings that change how the server reads later statements, each with the values under which it reads them as we do.
 * With any other value the statement is also `Other`.
 */
const readingSettings: Readonly<Record<string, (values: readonly string[]) => boolean>> = {
  standard_conforming_strings: ([value = '']) => ['on', 'true', 'yes', '1'].includes(value.toLowerCase()),
  backslash_quote: ([value = '']) => ['off', 'false', 'no', '0', 'safe_encoding'].includes(value.toLowerCase()),
  client_encoding: ([value = '']) => ['utf8', 'utf-8', 'unicode'].includes(value.toLowerCase()),
  search_path: (schemas) =>
    schemas.every((schema, index) =>
      schema === 'pg_catalog' ? index === 0 : ['public', '$user', ''].includes(schema),
    ),
}

/** SET and RESET. Going back to the default of the connection never changes how a statement is read. */
export function verbsOfSet(statement: Node): readonly SqlVerb[] {
  // Names of settings are case-insensitive even when quoted.
  const name = ((statement['name'] ?? '') as string).toLowerCase()
  if (name === 'transaction' || name === 'transaction snapshot') return ['Transaction']
  if (statement['kind'] !== 'VAR_SET_VALUE') return ['Set']
  if (rightsSettings.has(name)) return ['Set', 'Grant']
  const isHarmless = Object.hasOwn(readingSettings, name) ? readingSettings[name] : undefined
  return isHarmless === undefined || isHarmless(valuesOf(statement)) ? ['Set'] : ['Set', 'Other']
}

function valuesOf(statement: Node): string[] {
  const args = (statement['args'] ?? []) as readonly {
    A_Const?: { sval?: { sval?: string }; ival?: { ival?: number } }
  }[]
  return args.map(({ A_Const: constant }) => constant?.sval?.sval ?? String(constant?.ival?.ival ?? 0))
}
