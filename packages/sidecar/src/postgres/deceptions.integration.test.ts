import { connect } from 'node:net'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { postgres } from '@chaperone/wire'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(60_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const allow = (name: string, sql: object, mask: string[] = []) => ({
  name,
  match: { sql },
  action: 'Allow',
  credential,
  mask,
})
const policy = policyFor(
  host,
  [
    allow('secret', { verbs: ['Select'], tables: ['public.secret'] }, ['columns']),
    allow('open', { verbs: ['Select', 'Insert', 'Define'], tables: ['public.*'] }),
    allow('names', { verbs: ['Transaction', 'Set'] }),
  ],
  [{ name: 'columns', columns: ['secret.name'] }],
)
let database: TestDatabase
let driver: TestDriver

beforeAll(async () => {
  const authority = await createTestAuthority()
  database = await startTestDatabase(authority, host)
  const { password, port } = database
  driver = await startTestDriver({ authority, host, policy, password, upstreamPort: () => port })
  await driver.psql('create table secret (name text)', 'create table open_t (id int)')
  await driver.psql("insert into secret values ('Ada Lovelace')", 'insert into open_t values (7)')
})

afterAll(async () => {
  await driver.close()
  await database.close()
})

/** Everything that a client reads which sends all of this at once and then leaves. */
function converse(...messages: readonly Buffer[]): Promise<string> {
  const start = postgres.encodeStartup(
    new Map([
      ['user', 'agent'],
      ['database', 'postgres'],
    ]),
  )
  return new Promise((resolve) => {
    const received: Buffer[] = []
    const socket = connect(driver.port, '127.0.0.1').on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.once('close', () => resolve(Buffer.concat(received).toString('latin1')))
    socket.write(Buffer.concat([start, ...messages, postgres.encodeTerminate()]))
  })
}

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`)
const parse = (name: string, text: string): Buffer =>
  postgres.frame('P', Buffer.concat([cstring(name), cstring(text), Buffer.alloc(2)]))
const bind = (portal: string, statement: string): Buffer =>
  postgres.frame('B', Buffer.concat([cstring(portal), cstring(statement), Buffer.alloc(6)]))
const execute = (portal: string): Buffer => postgres.frame('E', Buffer.concat([cstring(portal), Buffer.alloc(4)]))
const close = (kind: string, name: string): Buffer => postgres.frame('C', cstring(kind + name))
const run = (text: string): Buffer => Buffer.concat([parse('', text), bind('', ''), execute('')])
const sync = postgres.encodeSync()
const last = [run('select id + 35 from open_t'), sync]
const [openRow, secretRow] = ['select id from open_t', 'select name from secret']
const [longX, longY] = [`${'n'.repeat(63)}x`, `${'n'.repeat(63)}y`]

test('a masked column is masked', async () => {
  expect(await converse(run(secretRow), sync)).toContain('[REDACTED:Column]')
})

test.each([
  [
    'a long name that the server takes for another',
    [parse(longX, openRow), sync, close('S', longY), sync, parse(longY, secretRow), sync],
    [bind('', longX), execute('')],
  ],
  [
    'a cursor declared by the batch in the place of its portal',
    [postgres.encodeQuery('begin'), parse('', openRow), bind('p1', ''), run('commit'), run('begin')],
    [run(`declare p1 cursor for ${secretRow}`), execute('p1')],
  ],
  [
    'a statement prepared by the batch in the place of another',
    [parse('s1', openRow), sync, run('deallocate s1'), run(`prepare s1 as ${secretRow}`)],
    [bind('', 's1'), execute('')],
  ],
])('%s does not uncover it, and the connection lives', async (_what, before, then) => {
  const received = await converse(...before, ...then, sync, postgres.encodeQuery('rollback'), ...last)
  expect(received).not.toContain('Ada')
  expect(received).toContain(postgres.encodeDataRow([Buffer.from('42')]).toString('latin1'))
})
