import type { StatementReading } from './match-sql.ts'
import { parseTableName } from './table-name.ts'

/**
 * Keys by which a rule with table patterns is found: the table, or the schema of `schema.*`. Undefined when a pattern stands
 * for schemas or tables by their beginning, so that the rule must always be tried.
 */
export function patternKeys(patterns: readonly string[]): string[] | undefined {
  const keys: string[] = []
  for (const { schema, table } of patterns.map(parseTableName)) {
    if (schema.includes('*')) return undefined
    if (table === '*') keys.push(JSON.stringify([schema]))
    else if (table.includes('*')) return undefined
    else keys.push(JSON.stringify([schema, table]))
  }
  return [...new Set(keys)]
}

/** The keys of the tables of a statement; undefined when its tables do not say which rules match. */
export function tableKeys({ tables, reach }: StatementReading): string[] | undefined {
  if (reach !== 'named' || tables.length === 0) return undefined
  const keys: string[] = []
  for (const { schema, table } of tables) {
    if (schema === '*') return undefined
    keys.push(JSON.stringify([schema]), JSON.stringify([schema, table]))
  }
  return keys
}
