import type { Mask, Tally } from '@chaperone/mask'
import { postgres } from '@chaperone/wire'

/** Message, detail, hint, where and the inner query quote values: `Key (email)=(…) already exists` (docs ch. 55.8). */
const quoting = 'MDHWq'
/** Classes of SQLSTATE whose messages speak of the connection, the transaction and the server, never of rows (appendix A). */
const rowFreeClasses = new Set(['08', '25', '26', '28', '34', '40', '53', '55', '57'])
const insufficientPrivilege = '42501'

/**
 * An error or notice with its values masked. Under a column rule detectors are not enough, for `name::int` fails with the
 * name in its message: only what speaks of the text of the query itself (it has a position) or of no row keeps its words.
 */
export function maskMessage(frame: postgres.Frame, mask: Mask, tally: Tally): Buffer {
  const received = postgres.decodeFields(frame)
  const withhold = mask.columns.length > 0 && mayQuoteRows(received)
  const fields = [...received].map(([code, value]): [string, string] => {
    if (!quoting.includes(code)) return [code, value]
    return [code, withhold ? mask.column(value, tally) : mask.text(value, tally)]
  })
  return postgres.encodeFields(frame.type === 'N' ? 'N' : 'E', new Map(fields))
}

function mayQuoteRows(fields: ReadonlyMap<string, string>): boolean {
  const state = fields.get('C') ?? ''
  return !fields.has('P') && state !== insufficientPrivilege && !rowFreeClasses.has(state.slice(0, 2))
}
