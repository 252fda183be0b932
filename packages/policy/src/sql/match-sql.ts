import type { EgressRule } from '@chaperone/api'
import type { SqlStatement } from '@chaperone/core'

type SqlMatch = NonNullable<NonNullable<EgressRule['match']>['sql']>

/** Compares one statement with `match.sql`; answers what did not match, or undefined when all did. */
export type SqlMatcher = (statement: SqlStatement) => string | undefined

/** Allow must cover every verb and every table; Deny and Approve match when they name any. */
export function compileSqlMatch(match: SqlMatch | undefined, action: EgressRule['action']): SqlMatcher {
  const verbs = match?.verbs === undefined ? undefined : new Set<string>(match.verbs)
  const tables = match?.tables?.map(compileTableGlob)
  const all = action === 'Allow'
  return (statement) => {
    if (verbs !== undefined) {
      const missing = statement.verbs.find((verb) => !verbs.has(verb))
      if (all ? missing !== undefined : !statement.verbs.some((verb) => verbs.has(verb)))
        return `sql verb ${missing ?? ''}`.trim()
    }
    if (tables !== undefined) {
      const missing = statement.tables.find((table) => !tables.some((matches) => matches(table)))
      if (all ? missing !== undefined : !statement.tables.some((table) => tables.some((matches) => matches(table))))
        return `sql table ${missing ?? ''}`.trim()
    }
    return undefined
  }
}

function compileTableGlob(glob: string): (table: string) => boolean {
  const [schema, table] = glob.includes('.') ? (glob.split('.') as [string, string]) : (['public', glob] as const)
  const part = (pattern: string) =>
    pattern.endsWith('*') ? (name: string) => name.startsWith(pattern.slice(0, -1)) : (name: string) => name === pattern
  const matchesSchema = part(schema)
  const matchesTable = part(table)
  return (name) => {
    const dot = name.indexOf('.')
    return matchesSchema(name.slice(0, dot)) && matchesTable(name.slice(dot + 1))
  }
}
