import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startChaperoneRun, type ChaperoneRun } from './chaperone-run.ts'
import type { Way } from './https-stand.ts'
import { startPgbouncer, startPostgres } from './postgres.ts'
import { run } from './process.ts'
import { createWorkspace, databaseHost } from './workspace.ts'

export interface DatabaseStand {
  readonly chaperone: ChaperoneRun
  readonly ways: { readonly direct: DatabaseWay; readonly pgbouncer: DatabaseWay; readonly chaperone: DatabaseWay }
  /** A script for pgbench. */
  script(sql: string): string
  stop(): Promise<void>
}

export interface DatabaseWay extends Pick<Way, 'pid' | 'execute'> {
  /** `-h` and `-p` of the programs of PostgreSQL, and where TLS is required. */
  readonly connection: readonly string[]
}

/** PostgreSQL, pgbouncer and the real sidecar before it; TLS everywhere. */
export async function startDatabaseStand(columns: readonly string[] = []): Promise<DatabaseStand> {
  const workspace = await createWorkspace()
  const postgres = await startPostgres(workspace)
  const pgbouncer = await startPgbouncer(workspace, postgres)
  const chaperone = await startChaperoneRun(workspace, {
    rules: [
      {
        name: 'read',
        to: { hosts: [databaseHost], ports: [postgres.port], protocol: 'Postgres' },
        match: { sql: { verbs: ['Select'] } },
        action: 'Allow',
        ...(columns.length === 0 ? {} : { mask: ['columns'] }),
      },
    ],
    profiles: columns.length === 0 ? [] : [{ name: 'columns', columns }],
    resolve: [`${databaseHost}:${postgres.port}:127.0.0.1`],
  })
  const here: Way['execute'] = (command, ...args) => run(command, args, { core: 'load' })
  const to = (host: string, port: number) => [`host=${host} port=${port} user=bench dbname=postgres sslmode=require`]
  let scripts = 0
  return {
    chaperone,
    ways: {
      direct: { execute: here, pid: undefined, connection: to('127.0.0.1', postgres.port) },
      pgbouncer: { execute: here, pid: pgbouncer.running.pid, connection: to('127.0.0.1', pgbouncer.port) },
      chaperone: { execute: chaperone.execute, pid: chaperone.pid, connection: to(databaseHost, postgres.port) },
    },
    script(sql) {
      const path = join(workspace.directory, `script-${++scripts}.sql`)
      writeFileSync(path, `${sql};\n`)
      return path
    },
    async stop() {
      await chaperone.stop()
      await pgbouncer.running.stop()
      await postgres.running.stop()
    },
  }
}
