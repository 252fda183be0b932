import type { Mask, Tally } from '@chaperone/mask'
import { postgres, WireError } from '@chaperone/wire'

/** Types whose text and binary forms are both plain text: text, varchar, bpchar, name, json, xml, unknown, citext is by text input. */
const textTypes = new Set([25, 1043, 1042, 19, 114, 142, 705, 18])
const jsonb = 3802

/** A table of the server, by its OID. */
export interface TableIdentity {
  readonly schema: string
  readonly table: string
  /** Column names by attribute number. */
  readonly columns: ReadonlyMap<number, string>
}

/** How each column of a result is masked. */
export type ColumnPlan = 'column' | 'text' | 'binary'

const isText = (typeOid: number): boolean => textTypes.has(typeOid) || typeOid === jsonb

/** A column is masked by what it is, not by what it is called: an alias changes its name only. */
export function planColumns(
  columns: readonly postgres.Column[],
  mask: Mask,
  tables: ReadonlyMap<number, TableIdentity>,
): ColumnPlan[] {
  return columns.map((column) => {
    const table = tables.get(column.tableOid)
    const name = table?.columns.get(column.attributeNumber)
    if (
      table !== undefined &&
      mask.columns.some((rule) => rule.schema === table.schema && rule.table === table.table && rule.column === name)
    )
      return 'column'
    // An expression over a masked column is no column any more: where any column is masked, text that is computed is too.
    if (column.tableOid === 0 && mask.columns.length > 0 && isText(column.typeOid)) return 'column'
    return column.format === 0 || textTypes.has(column.typeOid) || column.typeOid === jsonb ? 'text' : 'binary'
  })
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
    if (value === undefined || column === undefined) return value
    const kind = plan[index] ?? 'text'
    if (kind === 'binary') return value
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

/** Error and notice fields quote values: `Key (email)=(…) already exists`. */
export function maskFields(frame: postgres.Frame, mask: Mask, tally: Tally): Buffer {
  const fields = new Map(
    [...postgres.decodeFields(frame)].map(([code, value]) => [
      code,
      'MDHWqp'.includes(code) ? mask.text(value, tally) : value,
    ]),
  )
  return postgres.encodeFields(frame.type === 'N' ? 'N' : 'E', fields)
}
