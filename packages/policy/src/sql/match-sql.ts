import type { EgressRule } from '@chaperone/api'
import type { SqlStatement, SqlVerb } from '@chaperone/core'
import { parseTableName, type TableName } from './table-name.ts'

type SqlMatch = NonNullable<NonNullable<EgressRule['match']>['sql']>

/** A statement as rules read it. */
export interface StatementReading {
  readonly verbs: readonly SqlVerb[]
  readonly tables: readonly TableName[]
  readonly reach: TableReach
}

/**
 * What the tables of a statement say about where it acts. `named`: there and nowhere else. `more`: it runs something whose
 * content is not known here, such as a function. `unbounded`: it names none although its verb needs some, like VACUUM or
 * DROP SCHEMA.
 */
type TableReach = 'named' | 'more' | 'unbounded'

export function readStatement(statement: SqlStatement): StatementReading {
  return {
    verbs: statement.verbs,
    tables: statement.tables.map(parseTableName),
    reach: reachOf(statement),
  }
}

const unknownContent: ReadonlySet<SqlVerb> = new Set(['Call', 'Other'])
const needTables: ReadonlySet<SqlVerb> = new Set(['Define', 'Grant', 'Maintain', 'Truncate'])

function reachOf({ verbs, tables }: SqlStatement): TableReach {
  if (tables.length === 0 && verbs.some((verb) => needTables.has(verb))) return 'unbounded'
  return verbs.some((verb) => unknownContent.has(verb)) ? 'more' : 'named'
}

/** Compares one statement with `match.sql`; answers what did not match, or undefined when all did. */
export type SqlMatcher = (statement: StatementReading) => string | undefined

/**
 * Allow must cover every verb and every table. A rule that bounds tables covers what is beyond them only when it lists the
 * verb that goes there (`Call`, `Other`), and never covers an unbounded statement. Deny and Approve match when any verb and
 * any table is theirs; a statement that may reach further may reach their tables.
 */
export function compileSqlMatch(match: SqlMatch | undefined, action: EgressRule['action']): SqlMatcher {
  const verbs = match?.verbs === undefined ? undefined : new Set<SqlVerb>(match.verbs)
  const tables = match?.tables?.map(parseTableName)
  return action === 'Allow' ? coversAll(verbs, tables) : touchesAny(verbs, tables)
}

function coversAll(verbs: ReadonlySet<SqlVerb> | undefined, patterns: readonly TableName[] | undefined): SqlMatcher {
  return (statement) => {
    const verb = statement.verbs.find((each) => verbs?.has(each) === false)
    if (verb !== undefined) return `sql verb ${verb}`
    if (patterns === undefined) return undefined
    if (statement.reach === 'unbounded') return 'sql table of any name'
    if (statement.reach === 'more' && verbs === undefined)
      return `sql verb ${statement.verbs.find((each) => unknownContent.has(each)) ?? ''}`
    const table = statement.tables.find((each) => !patterns.some((pattern) => covers(pattern, each)))
    return table === undefined ? undefined : `sql table ${table.schema}.${table.table}`
  }
}

function touchesAny(verbs: ReadonlySet<SqlVerb> | undefined, patterns: readonly TableName[] | undefined): SqlMatcher {
  return (statement) => {
    if (verbs !== undefined && !statement.verbs.some((each) => verbs.has(each))) return 'sql verb'
    if (patterns === undefined || statement.reach !== 'named') return undefined
    const touched = statement.tables.some((each) => patterns.some((pattern) => overlaps(pattern, each)))
    return touched ? undefined : 'sql table'
  }
}

function covers(pattern: TableName, name: TableName): boolean {
  return matchesPart(pattern.schema, name.schema) && matchesPart(pattern.table, name.table)
}

/** `*.*` in a statement stands for tables that it does not name (see `classifyStatement`). */
function overlaps(pattern: TableName, name: TableName): boolean {
  return covers(pattern, name) || (name.schema === '*' && name.table === '*')
}

function matchesPart(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}
