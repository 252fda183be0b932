import { postgres, WireError } from '@chaperone/wire'
import { write } from './frames.ts'
import type { TableIdentity } from './row-masking.ts'
import type { UpstreamSession } from './upstream-login.ts'

/** Tables remembered; more would be a schema that no rule speaks of by column. */
const maxTables = 4096

/** Looks tables up on a connection of our own, so that the agent's transaction is left alone. */
export interface Catalog {
  /** Makes sure that every table of these OIDs is known. */
  load(oids: readonly number[]): Promise<ReadonlyMap<number, TableIdentity>>
  close(): void
}

export function createCatalog(login: () => Promise<UpstreamSession>): Catalog {
  const tables = new Map<number, TableIdentity>()
  let session: Promise<UpstreamSession> | undefined
  return {
    async load(oids) {
      const missing = [...new Set(oids)].filter((oid) => oid !== 0 && !tables.has(oid))
      if (missing.length > 0) {
        if (tables.size + missing.length > maxTables) tables.clear()
        session ??= login()
        const rows = await query(await session, sqlFor(missing))
        for (const oid of missing) tables.set(oid, identityOf(rows.filter(([rowOid]) => Number(rowOid) === oid)))
      }
      return tables
    },
    close() {
      session?.then(
        ({ stream }) => stream.destroy(),
        () => undefined,
      )
    },
  }
}

const sqlFor = (oids: readonly number[]): string =>
  `select a.attrelid::text, n.nspname, c.relname, a.attnum::text, a.attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace where a.attrelid in (${oids.map(Number).join(',')}) and a.attnum > 0 and not a.attisdropped`

async function query({ stream, reader }: UpstreamSession, sql: string): Promise<string[][]> {
  await write(stream, postgres.encodeQuery(sql))
  const rows: string[][] = []
  for (;;) {
    const frame = await reader.next()
    if (frame === undefined || frame.type === 'E')
      throw new WireError('ERR_WIRE_MALFORMED', 'catalog: the server did not answer')
    if (frame.type === 'D') rows.push(postgres.decodeDataRow(frame).map((value) => value?.toString() ?? ''))
    if (frame.type === 'Z') return rows
  }
}

function identityOf(rows: readonly string[][]): TableIdentity {
  const [first = []] = rows
  return {
    schema: first[1] ?? '',
    table: first[2] ?? '',
    columns: new Map(rows.map((row) => [Number(row[3]), row[4] ?? ''])),
  }
}
