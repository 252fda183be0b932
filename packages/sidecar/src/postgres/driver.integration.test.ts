import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, createSecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { systemClock, systemRandom, type Action } from '@chaperone/core'
import { compileMask } from '@chaperone/mask'
import { compilePolicy, resolvePolicy, type CompiledPolicy } from '@chaperone/policy'
import { createTestAuthority, type TestAuthority } from '@chaperone/testkit'
import { pino } from 'pino'
import type { Engine } from '../engine/engine.ts'
import { createPostgresDriver } from './driver.ts'

jest.setTimeout(60_000)

const run = promisify(execFile)
const programs = '/usr/lib/postgresql/15/bin'
const host = 'orders-db.test'
/** Neither PostgreSQL nor psql needs an account of its own. */
const nobody = 65534
const records: { kind: string; attributes: Record<string, unknown> }[] = []

let directory: string
let server: ChildProcess
let databasePort: number
let proxyPort: number
let authority: TestAuthority
let upstreamBytes = ''
const servers: Server[] = []

const asNobody = (program: string, args: string[]) =>
  [
    'setpriv',
    [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', 'env', 'LC_ALL=C.UTF-8', program, ...args],
  ] as const

async function listen(listener: (socket: Socket) => void): Promise<number> {
  const created = createServer({ allowHalfOpen: true }, listener)
  servers.push(created)
  await new Promise<void>((resolve) => created.listen(0, '127.0.0.1', resolve))
  return (created.address() as AddressInfo).port
}

async function startDatabase(): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'postgres-driver-'))
  chownSync(directory, nobody, nobody)
  const data = join(directory, 'data')
  mkdirSync(data)
  chownSync(data, nobody, nobody)
  writeFileSync(join(directory, 'password'), 'db-s3cret')
  await run(
    ...asNobody(`${programs}/initdb`, [
      '-D',
      data,
      '-U',
      'agent',
      '--auth=scram-sha-256',
      `--pwfile=${join(directory, 'password')}`,
    ]),
  )
  const { key, certificate } = await authority.issue(host)
  for (const [name, content] of [
    ['server.key', key],
    ['server.crt', certificate],
  ] as const) {
    writeFileSync(join(data, name), content, { mode: 0o600 })
    chownSync(join(data, name), nobody, nobody)
  }
  const free = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => free.once('listening', resolve))
  databasePort = (free.address() as AddressInfo).port
  await new Promise((resolve) => free.close(resolve))
  const [program, args] = asNobody(`${programs}/postgres`, [
    '-D',
    data,
    '-p',
    String(databasePort),
    '-c',
    'listen_addresses=127.0.0.1',
    '-c',
    'unix_socket_directories=',
    '-c',
    'ssl=on',
  ])
  server = spawn(program, [...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    server.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error('postgres did not start')))
  })
}

const policy: CompiledPolicy = (() => {
  const to = { hosts: [host], protocol: 'Postgres' }
  const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: {
      agent: { name: 'devin' },
      egress: {
        rules: [
          {
            name: 'read',
            to,
            match: { sql: { verbs: ['Select', 'Transaction'] } },
            action: 'Allow',
            credential,
            mask: ['pii'],
          },
          {
            name: 'setup',
            to,
            match: {
              sql: { verbs: ['Define', 'Insert', 'Select', 'Copy'], tables: ['public.setup*', 'public.customers'] },
            },
            action: 'Allow',
            credential,
          },
        ],
      },
      masking: { profiles: [{ name: 'pii', detect: ['EmailAddress'], columns: ['customers.name', 'customers.age'] }] },
    },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return compilePolicy(resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] }))
})()

function createTestEngine(): Engine {
  return {
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    policy: {
      current: policy,
      pod: undefined,
      peek: (action: Action) => policy.evaluate(action, 0),
      subscribe: () => () => undefined,
    },
    recorder: {
      append(kind, attributes) {
        records.push({ kind, attributes })
        return Promise.resolve(records.length)
      },
    },
    approvals: { watch: () => Promise.resolve(undefined) },
    credentials: { read: () => Promise.resolve('db-s3cret') },
    mask: (profiles) =>
      compileMask(
        policy.source.maskingProfiles.filter((profile) => profiles.includes(profile.name)),
        new Uint8Array(32),
      ),
    upstream: {
      connect: (_target, { signal }) =>
        new Promise((resolve, reject) => {
          const socket = connect({ port: databasePort, host: '127.0.0.1', signal })
          socket.once('connect', () => resolve(socket)).once('error', reject)
        }),
      secure: (socket, { servername }) =>
        new Promise((resolve, reject) => {
          const secure = connectTls({ socket: socket, servername, ca: authority.certificate })
          const write = secure.write.bind(secure)
          Object.assign(secure, {
            write(chunk: Buffer) {
              upstreamBytes += chunk.toString('latin1')
              return write(chunk)
            },
          })
          secure.once('secureConnect', () => resolve(secure)).once('error', reject)
        }),
    },
    authorize(request) {
      const verdict = policy.evaluate(request.action, 0)
      if (verdict.kind === 'deny') return Promise.resolve({ ...verdict, kind: 'refuse' })
      return Promise.resolve({ kind: 'pass', effects: verdict.effects, rule: verdict.rule, requestSeq: 1 })
    },
  }
}

beforeAll(async () => {
  authority = await createTestAuthority()
  await startDatabase()
  const driver = createPostgresDriver(createTestEngine(), {
    async contextFor(name) {
      const { key, certificate } = await authority.issue(name)
      return createSecureContext({ key, cert: certificate })
    },
  })
  proxyPort = await listen((socket) =>
    driver.serve({ id: 'c1', socket, target: { host, port: 5432 }, nameFrom: 'address' }),
  )
  await psql(
    "create table customers as select 1 as id, 'Ada'::text as name, 36 as age, 'ada@customer.example'::text as email",
  )
})

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGINT')
  await ended
  for (const each of servers) each.close()
  rmSync(directory, { recursive: true })
})

const psql = (...statements: string[]): Promise<{ stdout: string; stderr: string }> =>
  run('psql', [
    `host=127.0.0.1 port=${proxyPort} user=agent dbname=postgres sslmode=require`,
    '-At',
    '-v',
    'VERBOSITY=verbose',
    ...statements.flatMap((statement) => ['-c', statement]),
  ]).catch((error: unknown) => error as { stdout: string; stderr: string })

describe('psql through the driver', () => {
  test('logs in with a password that the client does not have and reads masked rows', async () => {
    const { stdout, stderr } = await psql('select id, name, age, email from customers')
    expect([stdout, stderr]).toEqual(['1|[REDACTED:Column]||[REDACTED:EmailAddress]\n', ''])
  })

  test('an alias or an expression does not uncover a masked column', async () => {
    const { stdout } = await psql('select name as x, upper(name), c.name from customers c')
    expect(stdout).toBe('[REDACTED:Column]|[REDACTED:Column]|[REDACTED:Column]\n')
  })

  test('a denied statement gets SQLSTATE 42501 and a hint, never reaches the server, and the connection goes on', async () => {
    upstreamBytes = ''
    const { stdout, stderr } = await psql('delete from customers', 'select 7')
    expect(stderr).toMatch(/ERROR:\s+42501: No rule allows this/)
    expect(stderr).toContain('HINT:')
    expect(stdout).toBe('7\n')
    expect(upstreamBytes).not.toContain('delete')
  })

  test('a denial leaves an open transaction as it was', async () => {
    const { stdout } = await psql('begin', 'delete from customers', 'select 8', 'commit')
    expect(stdout).toBe('BEGIN\n8\nCOMMIT\n')
  })

  test('SQL that cannot be parsed is refused', async () => {
    const { stderr } = await psql('selec 1')
    expect(stderr).toContain('42601')
  })

  test('an error of the server arrives masked', async () => {
    const { stderr } = await psql("select 'ada@customer.example'::int")
    // The line that psql shows below is its own copy of the query.
    expect(stderr).toContain('integer: "[REDACTED:EmailAddress]"')
  })

  test('several statements in one query are judged each', async () => {
    upstreamBytes = ''
    const { stderr } = await psql('select 1; delete from customers')
    expect(stderr).toContain('42501')
    expect(upstreamBytes).not.toContain('delete')
  })

  test('the extended protocol is masked, refused and recovered the same way', async () => {
    const script = `
import { connect } from 'node:net'
const socket = connect(${proxyPort}, '127.0.0.1')
const message = (type, ...parts) => { const body = Buffer.concat(parts.map((p) => Buffer.isBuffer(p) ? p : Buffer.from(p))); const head = Buffer.alloc(5); head.write(type); head.writeInt32BE(body.length + 4, 1); return Buffer.concat([head, body]) }
const startup = Buffer.from('\\0\\x03\\0\\0user\\0agent\\0database\\0postgres\\0\\0', 'latin1'); const length = Buffer.alloc(4); length.writeInt32BE(startup.length + 4)
const none = Buffer.from([0, 0, 0, 0, 0, 0])
const ask = (sql) => Buffer.concat([message('P', '\\0' + sql + '\\0', Buffer.from([0, 0])), message('B', '\\0\\0', none), message('E', '\\0', Buffer.alloc(4)), message('S')])
let text = ''; let ready = 0
socket.on('data', (chunk) => { text += chunk.toString('latin1'); const count = (text.match(/Z\\0\\0\\0\\x05/g) ?? []).length; if (count >= 4) { console.log(text); process.exit() } })
socket.write(Buffer.concat([length, startup, ask('select name, email from customers'), ask('delete from customers'), ask('select 9')]))
`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script])
    expect(stdout).toContain('[REDACTED:Column]')
    expect(stdout).toContain('[REDACTED:EmailAddress]')
    expect(stdout).toContain('42501')
    expect(stdout).toMatch(/SELECT 1\0[^]*42501[^]*SELECT 1\0/)
  })

  test('what was done is recorded', () => {
    expect(records.map((record) => record.kind)).toEqual(
      expect.arrayContaining(['credential.injected', 'result']),
    )
    expect(JSON.stringify(records)).not.toContain('db-s3cret')
  })
})
