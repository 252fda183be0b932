import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { connect, type Socket } from 'node:net'
import { postgres } from '@chaperone/wire'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(60_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const allowing = (...verbs: string[]) =>
  policyFor(host, [{ name: 'all', match: { sql: { verbs } }, action: 'Allow', credential }], [])
const everything = allowing('Select', 'Insert', 'Copy', 'Define', 'Call')
const expiring = { ...everything, expiresAt: new Date(1).toISOString(), hash: 'expiring' }
let database: TestDatabase
let driver: TestDriver

beforeAll(async () => {
  const authority = await createTestAuthority()
  database = await startTestDatabase(authority, host)
  const { password, port } = database
  driver = await startTestDriver({ authority, host, policy: everything, password, upstreamPort: () => port })
  await driver.psql('create table lines (x text)')
})
beforeEach(() => driver.setPolicy(everything))

afterAll(async () => {
  await driver.close()
  await database.close()
})

/** A client that has logged in. */
async function login(): Promise<{ socket: Socket; until: (type: string) => Promise<void>; closed: Promise<void> }> {
  const socket = connect(driver.port, '127.0.0.1').on('error', () => undefined)
  const decoder = postgres.createFrameDecoder()
  let types = ''
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    for (const { type } of decoder.push(chunk)) types += type
    wake()
  })
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  const until = async (type: string): Promise<void> => {
    while (!types.includes(type)) await new Promise<void>((resolve) => (wake = resolve))
    types = ''
  }
  const parameters = [
    ['user', 'agent'],
    ['database', 'postgres'],
  ] as const
  socket.write(postgres.encodeStartup(new Map(parameters)))
  await until('Z')
  return { socket, until, closed }
}

test.each([
  ['ends with its session', () => driver.setPolicy(expiring, 1)],
  ['is no longer allowed', () => driver.setPolicy(allowing('Select'))],
])('COPY that %s is cut, and leaves no row', async (_what, change) => {
  const { socket, until, closed } = await login()
  socket.write(postgres.encodeQuery('copy lines from stdin'))
  await until('G')
  socket.write(postgres.frame('d', Buffer.from('before\n')))
  await driver.upstreamSaid('before')
  change()
  await closed
  driver.setPolicy(everything)
  expect((await driver.psql('select count(*) from lines')).stdout).toBe('0\n')
})

test('a statement that runs is cut when its rule is gone', async () => {
  const { socket, closed } = await login()
  socket.write(postgres.encodeQuery('select pg_sleep(600)'))
  await driver.upstreamSaid('pg_sleep(600)')
  driver.setPolicy(allowing('Insert'))
  await closed
})

test('a connection with nothing to do is cut when its session ends', async () => {
  const { closed } = await login()
  driver.setPolicy(expiring, 1)
  await closed
})

test('a connection stays open while what it does is allowed', async () => {
  const { socket, until } = await login()
  socket.write(postgres.encodeQuery('copy lines from stdin'))
  await until('G')
  driver.setPolicy(allowing('Insert', 'Copy', 'Select'))
  socket.write(postgres.frame('c'))
  await until('Z')
  socket.destroy()
})
