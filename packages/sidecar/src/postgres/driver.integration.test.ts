import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(60_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const policy = policyFor(
  host,
  [
    {
      name: 'read',
      match: { sql: { verbs: ['Select', 'Transaction'] } },
      action: 'Allow',
      credential,
      mask: ['pii'],
    },
    {
      name: 'setup',
      match: { sql: { verbs: ['Define', 'Insert', 'Select', 'Copy'], tables: ['public.setup*', 'public.customers'] } },
      action: 'Allow',
      credential,
    },
  ],
  [{ name: 'pii', detect: ['EmailAddress'], columns: ['customers.name', 'customers.age'] }],
)
let database: TestDatabase
let driver: TestDriver
const psql = (...statements: string[]) => driver.psql(...statements)

beforeAll(async () => {
  const authority = await createTestAuthority()
  database = await startTestDatabase(authority, host)
  const { password, port } = database
  driver = await startTestDriver({ authority, host, policy, password, upstreamPort: () => port })
  await psql(
    "create table customers as select 1 as id, 'Ada'::text as name, 36 as age, 'ada@customer.example'::text as email",
  )
})

afterAll(async () => {
  await driver.close()
  await database.close()
})

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
    driver.forgetUpstream()
    const { stdout, stderr } = await psql('delete from customers', 'select 7')
    expect(stderr).toMatch(/ERROR:\s+42501: No rule allows this/)
    expect(stderr).toContain('HINT:')
    expect(stdout).toBe('7\n')
    expect(driver.upstreamText()).not.toContain('delete')
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
    driver.forgetUpstream()
    const { stderr } = await psql('select 1; delete from customers')
    expect(stderr).toContain('42501')
    expect(driver.upstreamText()).not.toContain('delete')
  })

  test('what was done is recorded', () => {
    expect(driver.records.map((record) => record.kind)).toEqual(
      expect.arrayContaining(['credential.injected', 'result']),
    )
    expect(JSON.stringify(driver.records)).not.toContain('db-s3cret')
  })
})
