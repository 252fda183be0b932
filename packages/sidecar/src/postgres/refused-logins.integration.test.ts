import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { postgres } from '@chaperone/wire'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(60_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const expiresAt = '2030-01-01T00:00:00Z'
const open = {
  ...policyFor(host, [{ name: 'read', match: { sql: { verbs: ['Select'] } }, action: 'Allow', credential }], []),
  expiresAt,
}
let database: TestDatabase
let driver: TestDriver
let relay: Server
/** Connections that the database has been asked for. */
let dialled: number

beforeAll(async () => {
  const authority = await createTestAuthority()
  database = await startTestDatabase(authority, host)
  relay = createServer((socket) => {
    dialled++
    const server = connect(database.port, '127.0.0.1')
    for (const [from, to] of [
      [socket, server],
      [server, socket],
    ] as const)
      from.on('error', () => to.destroy()).pipe(to)
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const upstreamPort = (): number => (relay.address() as AddressInfo).port
  driver = await startTestDriver({ authority, host, policy: open, password: database.password, upstreamPort })
})
beforeEach(() => {
  driver.containment.isRefusing = false
  driver.setPolicy(open)
  driver.records.length = 0
  dialled = 0
})

afterAll(async () => {
  await driver.close()
  relay.close()
  await database.close()
})

const expire = (): void => driver.setNow(Date.parse(expiresAt))
const uncontain = (): void => void (driver.containment.isRefusing = true)
const suspend = (): void => driver.setPolicy({ ...open, suspended: true, hash: 'suspended' })

/** What every client that sends this reads until it is cut off. */
async function exchange(bytes: Buffer): Promise<string> {
  const socket = connect(driver.port, '127.0.0.1')
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk)).write(bytes)
  await once(socket, 'close')
  return Buffer.concat(received).toString('latin1')
}

test('a login that may be made reaches the database', async () => {
  expect((await driver.psql('select 1')).stdout).toBe('1\n')
  expect(dialled).toBe(1)
})

test.each([
  ['of a pod that is not known to be contained', uncontain, 'NotContained', 'this pod is not known to be contained'],
  ['of a session that is suspended', suspend, 'Suspended', 'AgentSession "devin" is suspended'],
  ['of a session that has ended', expire, 'SessionEnded', `AgentSession "devin" ended at ${expiresAt}`],
])('a login %s is told why, and the database hears nothing of it', async (_whose, close, reason, message) => {
  close()
  expect((await driver.psql('select 1')).stderr).toContain(message)
  await driver.recorded('connection.blocked', (record) => record['chaperone.reason'] === reason)
  expect(driver.records.map(({ kind }) => kind)).toEqual(['connection.blocked'])
  expect(dialled).toBe(0)
})

/** A client that has logged in, and how its statements are cancelled. */
async function login(): Promise<{ client: Socket; cancelRequest: Buffer }> {
  const client = connect(driver.port, '127.0.0.1').on('error', () => undefined)
  const decoder = postgres.createFrameDecoder()
  const parameters = [
    ['user', 'agent'],
    ['database', 'postgres'],
  ] as const
  client.write(postgres.encodeStartup(new Map(parameters)))
  const frames: postgres.Frame[] = []
  while (frames.at(-1)?.type !== 'Z') frames.push(...decoder.push(((await once(client, 'data')) as [Buffer])[0]))
  const key = frames.find(({ type }) => type === 'K')
  if (key === undefined) throw new Error('expected a key to cancel by')
  const { processId, secretKey } = postgres.decodeBackendKey(key)
  return { client, cancelRequest: postgres.encodeCancelRequest(processId, secretKey) }
}

test.each([
  ['of a pod that is not known to be contained', uncontain, 'this pod is not known to be contained'],
  ['of a session that has ended', expire, `AgentSession "devin" ended at ${expiresAt}`],
])('a cancel request %s is told why, and the database hears nothing of it', async (_whose, close, message) => {
  const { client, cancelRequest } = await login()
  expect(dialled).toBe(1)
  close()
  expect(await exchange(cancelRequest)).toContain(message)
  expect(dialled).toBe(1)
  client.destroy()
})

test('a session that is suspended is cut, and its database hears nothing of a cancel request', async () => {
  const { client, cancelRequest } = await login()
  const cut = once(client, 'close')
  suspend()
  await cut
  await exchange(cancelRequest)
  expect(dialled).toBe(1)
})
