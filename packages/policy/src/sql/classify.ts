import { sqlVerbs, type SqlStatement, type SqlVerb } from '@chaperone/core'
import { SqlUnparseableError } from '../errors.ts'
import { pureFunctions } from './pure-functions.ts'
import { verbOf } from './statement-verbs.ts'

/** A query longer than this is not judged, and so not passed. */
export const maxSqlCharacters = 1024 * 1024

export interface SqlClassifier {
  /** What each statement of `text` does. Throws SqlUnparseableError for anything that PostgreSQL's parser refuses. */
  classify(text: string): readonly SqlStatement[]
  /** The text with constants replaced by `$1`, …; for people, never for judgement. */
  normalise(text: string): string
}

/** Loads PostgreSQL's own parser (libpg-query, WebAssembly). */
export async function loadSqlParser(): Promise<SqlClassifier> {
  const parser = await import('libpg-query')
  await parser.loadModule()
  return {
    classify(text) {
      if (text.length > maxSqlCharacters)
        throw new SqlUnparseableError(`a query has at most ${maxSqlCharacters} characters`)
      if (text.includes('\0')) throw new SqlUnparseableError('a query has no NUL characters')
      // The parser has no word for nothing; drivers send it to probe a connection.
      if (text === '') return []
      let tree: { stmts?: { stmt?: Node }[] }
      try {
        tree = parser.parseSync(text)
      } catch {
        // The parser's own message quotes the query.
        throw new SqlUnparseableError('syntax error according to the parser of PostgreSQL')
      }
      return (tree.stmts ?? []).flatMap(({ stmt }) => (stmt === undefined ? [] : [classifyStatement(stmt)]))
    },
    normalise(text) {
      try {
        return parser.normalizeSync(text)
      } catch {
        return ''
      }
    },
  }
}

type Node = Readonly<Record<string, unknown>>

interface Found {
  readonly verbs: Set<SqlVerb>
  readonly tables: Set<string>
  readonly functions: Set<string>
}

function classifyStatement(stmt: Node): SqlStatement {
  const found: Found = { verbs: new Set(), tables: new Set(), functions: new Set() }
  walk(stmt, new Set(), found)
  if (found.verbs.size === 0) found.verbs.add('Other')
  return {
    verbs: sqlVerbs.filter((verb) => found.verbs.has(verb)),
    tables: [...found.tables],
    functions: [...found.functions],
  }
}

/** `scope` holds the names of common table expressions visible here, which are not tables. */
function walk(value: unknown, scope: ReadonlySet<string>, found: Found): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, scope, found)
  } else if (typeof value === 'object' && value !== null) {
    visit(value as Node, scope, found)
  }
}

function visit(node: Node, scope: ReadonlySet<string>, found: Found): void {
  const inner = withCommonTables(node, scope, found)
  for (const [key, child] of Object.entries(node)) {
    if (key === 'withClause') continue
    if (/^[A-Z]\w*Stmt$/.test(key) && typeof child === 'object') addStatement(key, child as Node, found)
    walk(child, inner, found)
  }
  if (typeof node['relname'] === 'string') addTable(node, inner, found)
  // A CREATE FUNCTION names a function too, but does not call it.
  if (Array.isArray(node['funcname']) && node['options'] === undefined) addFunction(node['funcname'] as Node[], found)
}

/** A common table expression sees those before it; with RECURSIVE it sees all, itself included (PostgreSQL docs, 7.8). */
function withCommonTables(node: Node, scope: ReadonlySet<string>, found: Found): ReadonlySet<string> {
  const clause = node['withClause'] as
    { ctes?: { CommonTableExpr?: { ctename?: string; ctequery?: unknown } }[]; recursive?: boolean } | undefined
  if (clause === undefined) return scope
  const inner = new Set(scope)
  const tables = (clause.ctes ?? []).flatMap((cte) => cte.CommonTableExpr ?? [])
  if (clause.recursive === true) for (const { ctename } of tables) inner.add(ctename ?? '')
  for (const { ctename, ctequery } of tables) {
    walk(ctequery, new Set(inner), found)
    inner.add(ctename ?? '')
  }
  return inner
}

function addStatement(name: string, statement: Node, found: Found): void {
  if (name === 'ExplainStmt') {
    // EXPLAIN shows a plan; with ANALYZE it also runs the statement, whose own verbs are added by the walk.
    found.verbs.add('Select')
    return
  }
  if (name === 'PrepareStmt') return
  found.verbs.add(verbOf(name))
  if (name === 'SelectStmt' && statement['intoClause'] !== undefined) found.verbs.add('Define')
  if (name === 'CopyStmt' && statement['is_program'] === true) found.verbs.add('Call')
}

function addTable(range: Node, scope: ReadonlySet<string>, found: Found): void {
  const name = range['relname'] as string
  const schema = range['schemaname'] as string | undefined
  if (schema === undefined && scope.has(name)) return
  // System catalogues come first in every search path, whatever it is.
  found.tables.add(`${schema ?? (name.startsWith('pg_') ? 'pg_catalog' : 'public')}.${name}`)
}

function addFunction(parts: readonly Node[], found: Found): void {
  const names = parts.map((part) => (part['String'] as { sval?: string } | undefined)?.sval ?? '')
  const name = names.at(-1) ?? ''
  const schema = names.length > 1 ? names.at(-2) : undefined
  if (name === 'set_config') found.verbs.add('Set')
  if ((schema === undefined || schema === 'pg_catalog') && pureFunctions.has(name)) return
  found.verbs.add('Call')
  found.functions.add(names.join('.'))
}
