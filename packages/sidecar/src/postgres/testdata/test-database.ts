import { execFile, spawn } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestAuthority } from '@chaperone/testkit'

/** A PostgreSQL server of its own, with the superuser `agent`, on loopback. */
export interface TestDatabase {
  readonly port: number
  readonly password: string
  close(): Promise<void>
}

const run = promisify(execFile)
const programs = '/usr/lib/postgresql/15/bin'
/** PostgreSQL needs no account of its own, but does not run as root. */
const nobody = 65534
const password = 'db-s3cret'

export async function startTestDatabase(
  authority: TestAuthority,
  host: string,
  { ssl = true, auth = 'scram-sha-256' }: { readonly ssl?: boolean; readonly auth?: string } = {},
): Promise<TestDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'postgres-driver-'))
  const data = join(directory, 'data')
  mkdirSync(data)
  for (const path of [directory, data]) chownSync(path, nobody, nobody)
  writeFileSync(join(directory, 'password'), password)
  const passwordFile = `--pwfile=${join(directory, 'password')}`
  await run(...asNobody('initdb', ['-D', data, '-U', 'agent', `--auth=${auth}`, passwordFile, '--no-sync']))
  const { key, certificate } = await authority.issue(host)
  for (const [name, content] of [
    ['server.key', key],
    ['server.crt', certificate],
  ] as const) {
    writeFileSync(join(data, name), content, { mode: 0o600 })
    chownSync(join(data, name), nobody, nobody)
  }
  const port = await freePort()
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', `ssl=${ssl ? 'on' : 'off'}`, 'fsync=off']
  const server = spawn(
    ...asNobody('postgres', ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error('postgres did not start')))
  })
  return {
    port,
    password,
    async close() {
      server.kill('SIGINT')
      await ended
      rmSync(directory, { recursive: true })
    },
  }
}

function asNobody(program: string, args: readonly string[]): [string, string[]] {
  const who = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
  return ['setpriv', [...who, 'env', 'LC_ALL=C.UTF-8', join(programs, program), ...args]]
}

async function freePort(): Promise<number> {
  const free = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => free.once('listening', resolve))
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  return port
}
