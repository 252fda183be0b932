import type { Mask, Tally } from '@chaperone/mask'
import { postgres, WireError } from '@chaperone/wire'

/**
 * Types whose text and binary forms are both plain text, so that a replacement fits in: char, name, text, json, xml,
 * unknown, bpchar, varchar.
 */
const textTypes = new Set([18, 19, 25, 114, 142, 705, 1042, 1043])
const jsonb = 3802
/**
 * Types that hold no text: bool, the numbers, oid, the dates and times, uuid and money. Every other type,
 * arrays, records and those of extensions included, may carry the text of a column.
 */
const textFreeTypes = new Set([16, 20, 21, 23, 26, 700, 701, 790, 1082, 1083, 1114, 1184, 1186, 1266, 1700, 2950])

/** A table of the server, by its OID. */
export interface TableIdentity {
  readonly schema: string
  readonly table: string
  /** Column names by attribute number. */
  readonly columns: ReadonlyMap<number, string>
}

/** How each column of a result is masked: whole, by what its text shows, or not at all. */
export type ColumnPlan = 'column' | 'text' | 'none'

/** A column is masked by what it is, not by what it is called: an alias changes its name only. */
export function planColumns(
  columns: readonly postgres.Column[],
  mask: Mask,
  tables: ReadonlyMap<number, TableIdentity>,
): ColumnPlan[] {
  return columns.map((column) => {
    if (mask.columns.length > 0 && isMasked(column, mask, tables.get(column.tableOid))) return 'column'
    return column.format === 1 && textFreeTypes.has(column.typeOid) ? 'none' : 'text'
  })
}

/**
 * An expression over a masked column is no column any more, nor is a whole row: what could carry its text is masked, and so
 * is a table that is not known.
 */
function isMasked(column: postgres.Column, mask: Mask, table: TableIdentity | undefined): boolean {
  if (table === undefined) return !textFreeTypes.has(column.typeOid)
  const wholeRow = column.attributeNumber === 0
  const name = table.columns.get(column.attributeNumber)
  return mask.columns.some(
    (rule) => rule.schema === table.schema && rule.table === table.table && (wholeRow || rule.column === name),
  )
}

/** A DataRow with masked values; the very frame when nothing changed. Values that cannot hold a replacement become NULL. */
export function maskRow(
  frame: postgres.Frame,
  columns: readonly postgres.Column[],
  plan: readonly ColumnPlan[],
  how: { readonly mask: Mask; readonly tally: Tally },
): Buffer {
  const { mask, tally } = how
  let changed = false
  const received = postgres.decodeDataRow(frame)
  if (received.length !== columns.length)
    throw new WireError('ERR_WIRE_MALFORMED', 'row: expected as many values as the result has columns')
  const values = received.map((value, index) => {
    const column = columns[index]
    const kind = plan[index] ?? 'text'
    if (value === undefined || column === undefined || kind === 'none') return value
    const prefix = column.typeOid === jsonb && column.format === 1 ? 1 : 0
    const text = value.toString('utf8', prefix)
    const masked = kind === 'column' ? mask.column(text, tally) : mask.text(text, tally)
    if (masked === text) return value
    changed = true
    if (column.typeOid === jsonb) return jsonValue(masked, kind, prefix)
    return textTypes.has(column.typeOid) ? Buffer.from(masked) : undefined
  })
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- the callback above changes it
  return changed ? postgres.encodeDataRow(values) : frame.bytes
}

/** JSON stays JSON: a whole column becomes a string, a value inside one was replaced in place. */
function jsonValue(masked: string, kind: ColumnPlan, prefix: number): Buffer {
  const json = Buffer.from(kind === 'column' ? JSON.stringify(masked) : masked)
  return prefix === 1 ? Buffer.concat([Buffer.of(1), json]) : json
}
