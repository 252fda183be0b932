import { postgres, WireError } from '@chaperone/wire'
import { write } from './frames.ts'
import type { TableIdentity } from './row-masking.ts'
import type { UpstreamSession } from './upstream-login.ts'

/** Tables remembered; more would be a schema that no rule speaks of by column. */
const maxTables = 4096

type Table = TableIdentity & { readonly columns: Map<number, string> }

/** Looks tables up on a connection of our own, so that the agent's transaction is left alone. */
export interface Catalog {
  /** Looks up tables by OID. Those that the agent's open transaction has made stay unknown. */
  load(oids: readonly number[]): Promise<ReadonlyMap<number, TableIdentity>>
  close(): void
}

export function createCatalog(login: () => Promise<UpstreamSession>, timeoutMs: number): Catalog {
  const tables = new Map<number, Table>()
  let session: Promise<UpstreamSession> | undefined
  const close = (): void => {
    session?.then(
      ({ stream }) => stream.destroy(),
      () => undefined,
    )
    session = undefined
  }
  return {
    async load(oids) {
      const named = [...new Set(oids)].filter((oid) => oid !== 0)
      if (tables.size + named.length > maxTables) tables.clear()
      const missing = named.filter((oid) => !tables.has(oid))
      if (missing.length === 0) return tables
      try {
        session ??= login()
        for (const row of await query(await session, sqlFor(missing), timeoutMs)) addColumn(tables, row)
      } catch (error) {
        // The next look-up has a connection of its own.
        close()
        throw error
      }
      return tables
    },
    close,
  }
}

const sqlFor = (oids: readonly number[]): string =>
  `select a.attrelid::text, n.nspname, c.relname, a.attnum::text, a.attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where a.attrelid in (${oids.map(Number).join(',')}) and a.attnum > 0 and not a.attisdropped`

async function query({ stream, reader }: UpstreamSession, sql: string, timeoutMs: number): Promise<string[][]> {
  const timeout = setTimeout(() => stream.destroy(), timeoutMs)
  try {
    await write(stream, postgres.encodeQuery(sql))
    const rows: string[][] = []
    for (;;) {
      const frame = await reader.next()
      if (frame === undefined || frame.type === 'E')
        throw new WireError('ERR_WIRE_MALFORMED', 'catalogue: expected an answer in time')
      if (frame.type === 'D') rows.push(postgres.decodeDataRow(frame).map((value) => value?.toString() ?? ''))
      if (frame.type === 'Z') return rows
    }
  } finally {
    clearTimeout(timeout)
  }
}

function addColumn(tables: Map<number, Table>, [oid, schema = '', table = '', number, column = '']: string[]): void {
  const known = tables.get(Number(oid)) ?? { schema, table, columns: new Map<number, string>() }
  known.columns.set(Number(number), column)
  tables.set(Number(oid), known)
}
