import type { SqlStatement, SqlVerb } from '@chaperone/core'
import { SqlUnparseableError } from '../errors.ts'
import { relationsOf } from './named-objects.ts'
import { wordsOf, type Node } from './parse-tree.ts'
import { pureFunctions, pureSamplingMethods } from './pure-functions.ts'
import { verbsOf } from './statement-verbs.ts'
import { tablesNamed } from './table-name.ts'

/** Levels of JSON; beyond, the walk could run out of stack. `a || b || …` takes two a step. */
const maxTreeDepth = 1000

interface Found {
  /** Levels below the statement at this moment. */
  depth: number
  readonly verbs: Set<SqlVerb>
  readonly tables: Set<string>
  readonly functions: Set<string>
}

interface Scope {
  /** Names of the common table expressions visible here. */
  readonly commonTables: ReadonlySet<string>
  /** The schema of unqualified names. */
  readonly schema: string
}

/** Every verb, table and function of one statement, at any depth: nested statements act as much as the outer one. */
export function classifyStatement(statement: Node): SqlStatement {
  const found = nothingFound()
  walk(statement, { commonTables: new Set(), schema: 'public' }, found)
  if (found.verbs.size === 0) found.verbs.add('Other')
  return { verbs: [...found.verbs], tables: [...found.tables], functions: [...found.functions] }
}

function nothingFound(): Found {
  return { depth: 0, verbs: new Set(), tables: new Set(), functions: new Set() }
}

function walk(value: unknown, scope: Scope, found: Found): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) for (const item of value) walk(item, scope, found)
  else visit(value as Node, scope, found)
}

/** `verbs` are those of the node itself; they follow the verbs of its common table expressions, as in the text. */
function visit(node: Node, outer: Scope, found: Found, verbs: readonly SqlVerb[] = []): void {
  if (++found.depth > maxTreeDepth) throw new SqlUnparseableError(`a query nests at most ${maxTreeDepth} levels`)
  const scope = withCommonTables(node, outer, found)
  for (const verb of verbs) found.verbs.add(verb)
  addFunctions(node, found)
  for (const key in node) visitField(key, node[key], scope, found)
  found.depth--
}

function visitField(key: string, child: unknown, scope: Scope, found: Found): void {
  if (typeof child !== 'object' || child === null) return
  const node = child as Node
  switch (key) {
    case 'withClause':
      return
    case 'lockedRels':
      // FOR UPDATE OF names what FROM already named, often by alias.
      return
    case 'RangeVar':
      addTable(node, scope, scope.commonTables, found)
      return
    case 'intoClause':
      // Of a UNION, the leftmost SELECT carries the INTO that makes a table of all of it.
      found.verbs.add('Define')
      break
    case 'ExplainStmt':
      visitExplain(node, scope, found)
      return
    case 'selectStmt':
      if (isValues(node)) {
        visit(node['SelectStmt'] as Node, scope, found)
        return
      }
      break
    default:
  }
  if (isStatementKey(key)) visitStatement(key, node, scope, found)
  else if (typeof node['relname'] === 'string') addTable(node, scope, noTables, found)
  else walk(child, scope, found)
}

const noTables: ReadonlySet<string> = new Set()

function isStatementKey(key: string): boolean {
  return key.endsWith('Stmt') && key.charAt(0) !== key.charAt(0).toLowerCase()
}

/** The VALUES of an INSERT read nothing, unless a sub-select does. */
function isValues(node: Node): boolean {
  const select = node['SelectStmt'] as Node | undefined
  return select?.['valuesLists'] !== undefined
}

function visitStatement(key: string, statement: Node, scope: Scope, found: Found): void {
  for (const [schema, name] of relationsOf(key, statement))
    for (const table of tablesNamed(schema, name, scope.schema)) found.tables.add(table)
  if (key === 'CopyStmt' && statement['filename'] !== undefined)
    found.functions.add(statement['is_program'] === true ? 'copy program' : 'copy file')
  const schema = statement['schemaname']
  const inner = key === 'CreateSchemaStmt' && typeof schema === 'string' ? { ...scope, schema } : scope
  visit(statement, inner, found, verbsOf(key, statement))
  if (reachesFurther(key, statement)) found.tables.add('*.*')
}

/** CASCADE and `TABLES IN SCHEMA` reach tables that the statement does not name. */
function reachesFurther(key: string, statement: Node): boolean {
  if (statement['behavior'] === 'DROP_CASCADE') return key === 'TruncateStmt' || key === 'DropStmt'
  const objects = statement['pubobjects'] as readonly { PublicationObjSpec?: Node }[] | undefined
  return objects?.some((object) => object.PublicationObjSpec?.['pubtable'] === undefined) ?? false
}

/**
 * Without ANALYZE nothing runs but what the planner folds, so of the inner verbs only those stay that no table bounds.
 * Any ANALYZE counts as true: PostgreSQL has many ways to write false.
 */
function visitExplain(explain: Node, scope: Scope, found: Found): void {
  const options = (explain['options'] ?? []) as readonly { DefElem?: { defname?: string } }[]
  if (options.some((option) => option.DefElem?.defname?.toLowerCase() === 'analyze')) {
    walk(explain['query'], scope, found)
    return
  }
  const planned = nothingFound()
  walk(explain['query'], scope, planned)
  found.verbs.add('Select')
  for (const verb of planned.verbs) if (verb === 'Call' || verb === 'Set' || verb === 'Other') found.verbs.add(verb)
  for (const table of planned.tables) found.tables.add(table)
  for (const name of planned.functions) found.functions.add(name)
}

interface WithClause {
  readonly recursive?: boolean
  readonly ctes?: readonly { readonly CommonTableExpr?: { readonly ctename?: string } }[]
}

/** A common table expression sees those before it; with RECURSIVE it sees all, itself included (PostgreSQL docs, 7.8). */
function withCommonTables(node: Node, scope: Scope, found: Found): Scope {
  const clause = node['withClause'] as WithClause | undefined
  if (clause === undefined) return scope
  const expressions = (clause.ctes ?? []).flatMap((cte) => cte.CommonTableExpr ?? [])
  const commonTables = new Set(scope.commonTables)
  if (clause.recursive === true) for (const { ctename } of expressions) commonTables.add(ctename ?? '')
  for (const expression of expressions) {
    walk(expression, { ...scope, commonTables: new Set(commonTables) }, found)
    commonTables.add(expression.ctename ?? '')
  }
  return { ...scope, commonTables }
}

/**
 * Only in FROM may a name stand for a common table expression, and there the parser wraps it; the target of INSERT,
 * UPDATE, DELETE, MERGE or INTO is always a table, even when a common table expression has the same name.
 */
function addTable(range: Node, scope: Scope, commonTables: ReadonlySet<string>, found: Found): void {
  const name = range['relname'] as string
  const schema = range['schemaname'] as string | undefined
  if (schema === undefined && commonTables.has(name)) return
  for (const table of tablesNamed(schema, name, scope.schema)) found.tables.add(table)
}

/** Functions by name, table sampling methods, and operators of a named schema, which are functions too. */
function addFunctions(node: Node, found: Found): void {
  const call = (node['FuncCall'] ?? node['funccall']) as Node | undefined
  if (call !== undefined) addFunction(wordsOf(call['funcname']), pureFunctions, found)
  const sample = node['RangeTableSample'] as Node | undefined
  if (sample !== undefined) addFunction(wordsOf(sample['method']), pureSamplingMethods, found)
  for (const operator of [(node['A_Expr'] as Node | undefined)?.['name'], node['operName'], node['useOp']])
    if (Array.isArray(operator) && operator.length > 1 && wordsOf(operator)[0] !== 'pg_catalog')
      addCall(wordsOf(operator), found)
}

function addFunction(names: readonly string[], pure: ReadonlySet<string>, found: Found): void {
  const name = names.at(-1) ?? ''
  if (name === 'set_config') found.verbs.add('Set')
  const builtIn = names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog')
  if (!(builtIn && pure.has(name))) addCall(names, found)
}

function addCall(names: readonly string[], found: Found): void {
  found.verbs.add('Call')
  found.functions.add(names.join('.'))
}
