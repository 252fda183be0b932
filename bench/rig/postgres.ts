import { chmodSync, chownSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { accepting, freePort, run, start, type Running } from './process.ts'
import { databaseHost, type Workspace } from './workspace.ts'

const programs = '/usr/lib/postgresql/15/bin'
/** PostgreSQL and pgbouncer refuse to run as root, and need no account of their own. */
const uid = process.getuid?.() === 0 ? { uid: 65534 } : {}

export interface Database {
  readonly port: number
  readonly running: Running
}

/** PostgreSQL with TLS on the load core. Whoever comes by TLS is let in: how to log in is not what is measured. */
export async function startPostgres(workspace: Workspace): Promise<Database> {
  const directory = ownedFolder(workspace, 'postgres')
  const data = join(directory, 'data')
  const port = await freePort()
  await run(
    `${programs}/initdb`,
    ['-D', data, '-U', 'bench', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8'],
    {
      core: 'load',
      ...uid,
    },
  )
  const { key, certificate } = await ownedCertificate(workspace, directory)
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: certificate,
    ssl_key_file: key,
    max_connections: '64',
    fsync: 'off',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const running = start(`${programs}/postgres`, ['-D', data, '-p', String(port), ...flags], {
    core: 'load',
    stdio: 'ignore',
    ...uid,
  })
  await accepting(port)
  return { port, running }
}

/** Session mode, one thread by nature, TLS on both sides. */
export async function startPgbouncer(workspace: Workspace, database: Database): Promise<Database> {
  const directory = ownedFolder(workspace, 'pgbouncer')
  const { key, certificate } = await ownedCertificate(workspace, directory)
  const port = await freePort()
  const config = join(directory, 'pgbouncer.ini')
  writeFileSync(join(directory, 'users'), '"bench" ""\n')
  writeFileSync(
    config,
    `[databases]
postgres = host=127.0.0.1 port=${database.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(directory, 'users')}
pool_mode = session
default_pool_size = 32
client_tls_sslmode = require
client_tls_key_file = ${key}
client_tls_cert_file = ${certificate}
server_tls_sslmode = require
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
`,
  )
  const running = start('pgbouncer', ['-q', config], { core: 'proxy', stdio: 'ignore', ...uid })
  await accepting(port)
  return { port, running }
}

function ownedFolder(workspace: Workspace, name: string): string {
  const directory = workspace.folder(name)
  own(directory)
  return directory
}

async function ownedCertificate(
  workspace: Workspace,
  directory: string,
): Promise<{ key: string; certificate: string }> {
  const issued = await workspace.certificate(databaseHost)
  const files = { key: join(directory, 'server.key'), certificate: join(directory, 'server.crt') }
  for (const each of ['key', 'certificate'] as const) {
    copyFileSync(issued[each], files[each])
    chmodSync(files[each], 0o600)
    own(files[each])
  }
  return files
}

function own(path: string): void {
  if (uid.uid !== undefined) chownSync(path, uid.uid, uid.uid)
}
