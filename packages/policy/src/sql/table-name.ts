import { catalogueRelations } from './catalogue-relations.ts'

/** A table as `SqlStatement.tables` names it, taken apart. */
export interface TableName {
  readonly schema: string
  readonly table: string
}

/**
 * What a name in a query may stand for, as `schema.table`. System catalogues come first in every search path; a name that
 * only looks like one counts as both, so that a rule must allow both and may deny either.
 */
export function tablesNamed(schema: string | undefined, name: string, defaultSchema: string): string[] {
  if (schema !== undefined) return [formatTableName(schema, name)]
  if (catalogueRelations.has(name)) return [formatTableName('pg_catalog', name)]
  const own = formatTableName(defaultSchema, name)
  return name.startsWith('pg_') ? [own, formatTableName('pg_catalog', name)] : [own]
}

/** `schema.table`; a part that holds a dot, a star or a quote is quoted, so that names cannot be mistaken for others. */
export function formatTableName(schema: string, table: string): string {
  return `${quoted(schema)}.${quoted(table)}`
}

function quoted(part: string): string {
  return part === '' || part.includes('.') || part.includes('*') || part.includes('"')
    ? `"${part.replaceAll('"', '""')}"`
    : part
}

/** The inverse of `formatTableName`; a name without a dot is in `public`. */
export function parseTableName(name: string): TableName {
  const [first, rest] = takePart(name)
  if (rest === undefined) return { schema: 'public', table: first }
  return { schema: first, table: takePart(rest)[0] }
}

/** The first part, unquoted, and what follows its dot. */
function takePart(text: string): readonly [part: string, rest: string | undefined] {
  if (!text.startsWith('"')) {
    const dot = text.indexOf('.')
    return dot === -1 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)]
  }
  let end = 1
  while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) end += text[end] === '"' ? 2 : 1
  const part = text.slice(1, end).replaceAll('""', '"')
  return [part, text[end + 1] === '.' ? text.slice(end + 2) : undefined]
}
