import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { postgres } from '@chaperone/wire'
import pg from 'pg'
import Cursor from 'pg-cursor'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(60_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const allow = (name: string, verbs: string[], tables: string[] | undefined, mask: string[] = []) => ({
  name,
  match: { sql: { verbs, ...(tables === undefined ? {} : { tables }) } },
  action: 'Allow',
  credential,
  mask,
})
const policy = policyFor(
  host,
  [
    allow('customers', ['Select', 'Insert', 'Update', 'Copy'], ['public.customers'], ['columns']),
    allow('notes', ['Select', 'Insert', 'Copy'], ['public.notes*'], ['text']),
    allow('define', ['Define'], ['public.*']),
    allow('rest', ['Transaction', 'Set', 'Call', 'Select'], undefined),
    { name: 'delete', match: { sql: { verbs: ['Delete'] } }, action: 'Approve', credential },
  ],
  [
    { name: 'columns', columns: ['customers.name'] },
    { name: 'text', detect: ['EmailAddress'] },
  ],
)
const redacted = '[REDACTED:Column]'

let database: TestDatabase
let driver: TestDriver
let directory: string
const open: pg.Client[] = []

beforeAll(async () => {
  const authority = await createTestAuthority()
  database = await startTestDatabase(authority, host)
  const { password, port } = database
  const timeouts = { heldNoticeMs: 20 }
  driver = await startTestDriver({ authority, host, policy, password, upstreamPort: () => port, timeouts })
  directory = mkdtempSync(join(tmpdir(), 'postgres-clients-'))
  await driver.psql(
    'create table customers (id int primary key, name text unique, age int check (age > 0))',
    "insert into customers values (1, 'Ada', 36), (2, 'Bob', 40), (3, 'Eve', 50)",
    'create table notes (id int, note text)',
    `insert into notes values (1, 'mail ada@customer.example, "now"')`,
    'create table notes_in (id int)',
  )
})

afterAll(async () => {
  for (const client of open) await client.end()
  rmSync(directory, { recursive: true })
  await driver.close()
  await database.close()
})

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: driver.port, user: 'agent', database: 'postgres' })
  client.on('error', () => undefined)
  await client.connect()
  open.push(client)
  return client
}

/** A CancelRequest on a connection of its own, until the other side has closed it. */
function cancel(processId: number, secretKey: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(driver.port, '127.0.0.1')
    socket.resume().once('close', () => resolve())
    socket.write(postgres.encodeCancelRequest(processId, secretKey))
  })
}

const keyOf = (client: pg.Client): [number, Buffer] => {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const key = Buffer.alloc(4)
  key.writeInt32BE(secretKey)
  return [processID, key]
}

describe('node-postgres', () => {
  test('runs a named statement again with other values, masked each time', async () => {
    const client = await connected()
    const ask = (id: number) =>
      client.query({ name: 'by-id', text: 'select id, name from customers where id = $1', values: [id] })
    expect((await ask(1)).rows).toEqual([{ id: 1, name: redacted }])
    expect((await ask(2)).rows).toEqual([{ id: 2, name: redacted }])
  })

  test('reads a cursor in parts, masked', async () => {
    const client = await connected()
    const cursor = client.query(new Cursor('select id, name from customers order by id'))
    expect(await cursor.read(2)).toEqual([
      { id: 1, name: redacted },
      { id: 2, name: redacted },
    ])
    expect(await cursor.read(2)).toEqual([{ id: 3, name: redacted }])
    await cursor.close()
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('cannot run under the protocol what SQL has prepared', async () => {
    const client = await connected()
    await client.query('prepare direct as select name from customers')
    await expect(client.query('execute direct')).resolves.toBeDefined()
    const bound = { name: 'direct', text: 'select 1', values: [1] }
    // As if it had prepared the statement itself.
    Object.assign((client as unknown as { connection: object }).connection, {
      parsedStatements: { direct: 'select 1' },
    })
    await expect(client.query(bound)).rejects.toMatchObject({ code: '26000' })
  })
})

describe('a masked column', () => {
  test.each([
    ['in an array', 'select array_agg(name) as value from customers'],
    ['as bytes', "select convert_to(name, 'UTF8') as value from customers where id = 1"],
    ['in a whole row', 'select c as value from customers c where id = 1'],
    ['in a row of its own', 'select row(name) as value from customers where id = 1'],
  ])('does not come %s', async (_how, sql) => {
    const client = await connected()
    expect((await client.query(sql)).rows).toEqual([{ value: null }])
    expect((await client.query({ text: sql, values: [] })).rows).toEqual([{ value: null }])
  })

  test.each([
    ['a cast', 'select name::int from customers', '22P02'],
    ['a cast to a name', 'select name::regclass from customers', '42P01'],
    ['a unique constraint', "insert into customers values (9, 'Ada', 1)", '23505'],
    ['a check', 'update customers set age = -1 where id = 1', '23514'],
  ])('does not come in the error of %s', async (_how, sql, code) => {
    const client = await connected()
    const error = await client.query(sql).then(
      () => undefined,
      (failure: unknown) => failure as pg.DatabaseError,
    )
    expect(error?.code).toBe(code)
    expect(JSON.stringify([error?.message, error?.detail, error?.where])).not.toMatch(/ada/i)
  })

  test('leaves errors about the text of a query readable', async () => {
    const client = await connected()
    await expect(client.query('select nope from customers')).rejects.toThrow('column "nope" does not exist')
  })
})

describe('COPY', () => {
  test('gives masked rows as text and as CSV', async () => {
    const { stdout } = await driver.psql('copy notes to stdout', 'copy notes to stdout with (format csv)')
    expect(stdout).toBe('1\tmail [REDACTED:EmailAddress], "now"\n1,"mail [REDACTED:EmailAddress], ""now"""\n')
  })

  test.each([
    'copy notes to stdout with (format binary)',
    'copy notes to stdout binary',
    String.raw`copy notes to stdout with (format E'b\x69nary')`,
  ])('%s is withheld, and the connection goes on', async (sql) => {
    const { stdout, stderr } = await driver.psql(sql, 'select 7')
    expect(stderr).toContain('Masking failed')
    expect(stdout).toBe('7\n')
  })

  test('of a table with a masked column is refused before it runs', async () => {
    driver.forgetUpstream()
    const { stderr } = await driver.psql('copy customers to stdout')
    expect(stderr).toContain('Masking failed')
    expect(driver.upstreamText()).not.toContain('copy customers')
  })

  test('takes rows in', async () => {
    const file = join(directory, 'rows')
    writeFileSync(file, '1\n2\n3\n')
    const { stdout } = await driver.psql(`\\copy notes_in from '${file}'`, 'select count(*) from notes_in')
    expect(stdout).toBe('COPY 3\n3\n')
  })
})

describe('a statement is cancelled', () => {
  test('at its own server by its key, and by no other', async () => {
    const client = await connected()
    const [processId, secretKey] = keyOf(client)
    driver.forgetUpstream()
    const sleeping = client.query('select pg_sleep(600)').catch((error: unknown) => error)
    await cancel(processId, Buffer.from(secretKey.map((byte) => byte ^ 1)))
    await cancel(processId + 1, secretKey)
    const [other] = [await connected()]
    await other.query('select 1')
    const requests = () => driver.upstreamText().split('\x04\xd2\x16\x2e').length - 1
    expect(requests()).toBe(0)
    await cancel(processId, secretKey)
    expect(await sleeping).toMatchObject({ code: '57014' })
    expect(requests()).toBe(1)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('by Ctrl-C in psql', async () => {
    driver.forgetUpstream()
    const psql = spawn('psql', [
      `host=127.0.0.1 port=${driver.port} user=agent dbname=postgres sslmode=require`,
      '-c',
      "select pg_sleep(601), 'started'",
    ])
    let stderr = ''
    psql.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const ended = new Promise((resolve) => psql.once('close', resolve))
    await driver.upstreamSaid('pg_sleep(601)')
    psql.kill('SIGINT')
    await ended
    expect(stderr).toContain('canceling statement due to user request')
  })

  test('while it waits for a person, and never reaches the server', async () => {
    const client = await connected()
    driver.forgetUpstream()
    const held = client.query('delete from notes_in').catch((error: unknown) => error)
    await driver.nextHeld()
    await cancel(...keyOf(client))
    expect(await held).toMatchObject({ code: '57014' })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(driver.upstreamText()).not.toContain('delete')
  })
})

test('a statement that waits for a person gives signs of life, again and again, and then runs', async () => {
  const client = await connected()
  const notices: string[] = []
  const third = new Promise<void>((resolve) =>
    client.on('notice', ({ message }) => {
      if (notices.push(message ?? '') === 3) resolve()
    }),
  )
  const held = client.query('delete from notes_in where id = 3')
  const approve = await driver.nextHeld()
  await third
  expect(new Set(notices)).toEqual(new Set(['waiting for approval approval-1']))
  approve()
  expect((await held).rowCount).toBe(1)
})

test('more statements in one query than are judged are refused', async () => {
  const client = await connected()
  await expect(client.query('select 1;'.repeat(1001))).rejects.toThrow('at most 1000 statements')
})
