import { readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createTestAuthority, mutationsOf, type TestAuthority } from '@chaperone/testkit'
import { postgres } from '@chaperone/wire'
import fc from 'fast-check'
import pg from 'pg'
import { maxBatchMessages, type PostgresTimeouts } from './limits.ts'
import { startTestDatabase, type TestDatabase } from './testdata/test-database.ts'
import { policyFor, startTestDriver, type TestDriver } from './testdata/test-driver.ts'

jest.setTimeout(120_000)

const host = 'orders-db.test'
const credential = { secretRef: { name: 'db' }, as: 'PostgresPassword' }
const policy = policyFor(
  host,
  [{ name: 'read', match: { sql: { verbs: ['Select', 'Transaction'] } }, action: 'Allow', credential, mask: ['text'] }],
  [{ name: 'text', detect: ['EmailAddress'] }],
)
let authority: TestAuthority
let leaf: SecureContext
let database: TestDatabase
let driver: TestDriver
const drivers: TestDriver[] = []
const servers: Server[] = []
const sockets = new Set<Socket>()

beforeAll(async () => {
  authority = await createTestAuthority()
  const issued = await authority.issue(host)
  leaf = createSecureContext({ key: issued.key, cert: issued.certificate })
  database = await startTestDatabase(authority, host)
  driver = await driverTo(database.port)
})

afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  for (const each of drivers) await each.close()
  for (const each of servers) each.close()
  await database.close()
})

async function driverTo(port: number, timeouts: Partial<PostgresTimeouts> = {}): Promise<TestDriver> {
  const { password } = database
  const started = await startTestDriver({ authority, host, policy, password, upstreamPort: () => port, timeouts })
  drivers.push(started)
  return started
}

/** A server that is no PostgreSQL. */
async function fakeServer(listener: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    listener(socket)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Writes the bytes, closes its side when told so, and reads until the other side has closed. */
function exchange(port: number, bytes: Buffer, { end = false } = {}): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => undefined)
    socket.once('close', () => resolve(Buffer.concat(received)))
    socket.write(bytes)
    if (end) socket.end()
  })
}

const framesOf = (bytes: Buffer): postgres.Frame[] => postgres.createFrameDecoder().push(bytes)
const statesOf = (bytes: Buffer): (string | undefined)[] =>
  framesOf(bytes)
    .filter(({ type }) => type === 'E')
    .map((frame) => postgres.decodeFields(frame).get('C'))
const typesOf = (bytes: Buffer): string =>
  framesOf(bytes)
    .map(({ type }) => type)
    .join('')
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

const startup = postgres.encodeStartup(
  new Map([
    ['user', 'agent'],
    ['database', 'postgres'],
  ]),
)
const [sslRequest, gssRequest] = [postgres.encodeSslRequest(), hex('00000008 04d21630')]
const run = (sql: string): Buffer =>
  Buffer.concat([
    postgres.frame('P', Buffer.from(`\0${sql}\0\0\0`)),
    postgres.frame('B', Buffer.alloc(8)),
    postgres.frame('E', Buffer.alloc(5)),
  ])

describe('what is not the protocol ends the connection with 08P01, and is recorded', () => {
  const blocked = () => driver.records.filter(({ kind }) => kind === 'connection.blocked')

  test.each([
    ['a start-up of another length', hex('00000004')],
    ['a start-up that is too long', hex('00010000 00030000')],
    ['protocol 2', hex('00000008 00020000')],
    ['a parameter twice', hex('00000011 00030000 6100 6200 6100 6200 00')],
    ['parameters without their end', hex('0000000c 00030000 61006100')],
    ['a parameter that is no UTF-8', hex('0000000d 00030000 ff00 6200 00')],
    ['an SSLRequest with more behind it', Buffer.concat([sslRequest, startup])],
    ['a GSSENCRequest with more behind it', Buffer.concat([gssRequest, startup])],
    [
      'a start-up parameter that changes how statements are read',
      postgres.encodeStartup(new Map([['options', '-c x=y']])),
    ],
    ['a CancelRequest without a key', hex('0000000c 04d2162e 00000007')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nhost: orders-db.test\r\n\r\n')],
    ['a message of another type', Buffer.concat([startup, postgres.frame('!')])],
    ['a password that nobody asked for', Buffer.concat([startup, postgres.encodePassword('x')])],
    ['a message that is too long', Buffer.concat([startup, hex('51 7fffffff')])],
    ['a message of a negative length', Buffer.concat([startup, hex('51 ffffffff')])],
    ['a Query with bytes behind its SQL', Buffer.concat([startup, postgres.frame('Q', Buffer.from('select 1\0x'))])],
    [
      'a Bind that ends early',
      Buffer.concat([startup, postgres.frame('B', Buffer.from('\0\0\0')), postgres.encodeSync()]),
    ],
  ])('%s', async (_what, bytes) => {
    const before = blocked().length
    expect(statesOf(await exchange(driver.port, bytes))).toEqual(['08P01'])
    const [record, ...more] = blocked().slice(before)
    expect(record?.attributes).toMatchObject({
      'chaperone.decision': 'deny',
      'chaperone.reason': 'Unparseable',
      'server.address': host,
    })
    expect(more).toEqual([])
  })

  test('an SSLRequest inside TLS', async () => {
    const before = blocked().length
    const client = await secured()
    client.write(sslRequest)
    const received = await rest(client)
    expect(statesOf(received)).toEqual(['08P01'])
    expect(blocked()).toHaveLength(before + 1)
  })
})

/** A client that was given TLS. */
async function secured(): Promise<Socket> {
  const socket = connect(driver.port, '127.0.0.1')
  socket.write(sslRequest)
  const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
  expect(answer.toString()).toBe('S')
  const client = connectTls({ socket, ca: authority.certificate, servername: host })
  sockets.add(client)
  await new Promise((resolve) => client.once('secureConnect', resolve))
  return client
}

function rest(client: Socket): Promise<Buffer> {
  const received: Buffer[] = []
  client.on('data', (chunk: Buffer) => received.push(chunk)).on('error', () => undefined)
  return new Promise((resolve) => client.once('close', () => resolve(Buffer.concat(received))))
}

describe('start-up', () => {
  test('GSS encryption is declined, before and inside TLS, and the session goes on', async () => {
    const client = await secured()
    const received = rest(client)
    client.write(gssRequest)
    const answer = await new Promise<Buffer>((resolve) => client.once('data', resolve))
    expect(answer.toString()).toBe('N')
    client.end(Buffer.concat([startup, postgres.encodeQuery('select 5'), postgres.encodeTerminate()]))
    expect(typesOf((await received).subarray(1))).toMatch(/^RS+KZTDCZ$/)
  })

  test.each([
    ['3.2', hex('00030002'), ''],
    ['3.9999', hex('0003270f'), ''],
    ['3.0 with options', hex('00030000'), '_pq_.fancy\0on\0_pq_.more\0\0'],
    ['3.2 with options', hex('00030002'), '_pq_.fancy\0on\0'],
  ])('protocol %s is answered as by PostgreSQL itself', async (_version, version, options) => {
    const body = Buffer.concat([version, Buffer.from(`user\0agent\0database\0postgres\0${options}\0`)])
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    const bytes = Buffer.concat([length, body])
    const ask = Buffer.concat([bytes, postgres.encodeQuery('select 5'), postgres.encodeTerminate()])
    const [ours, theirs] = [await exchange(driver.port, ask), await exchange(database.port, bytes, { end: true })]
    const [expected] = framesOf(theirs)
    expect(expected?.type).toBe('v')
    expect(framesOf(ours)[0]?.bytes).toEqual(expected?.bytes)
    expect(typesOf(ours)).toMatch(/^vRS+KZTDCZ$/)
  })
})

describe('messages that PostgreSQL has, and we have not', () => {
  test('a FunctionCall is refused, and the connection goes on', async () => {
    const call = postgres.frame('F', hex('00000041 0000 0000 0000'))
    const received = await exchange(
      driver.port,
      Buffer.concat([startup, call, postgres.encodeQuery('select 5'), postgres.encodeTerminate()]),
    )
    expect(statesOf(received)).toEqual(['0A000'])
    expect(typesOf(received)).toMatch(/^RS+KZEZTDCZ$/)
  })

  test('more messages before Sync than are judged together are refused, and the connection goes on', async () => {
    const describes = Buffer.concat(
      Array.from({ length: maxBatchMessages + 1 }, () => postgres.frame('D', Buffer.from('P\0'))),
    )
    driver.forgetUpstream()
    const received = await exchange(
      driver.port,
      Buffer.concat([
        startup,
        run('select 1'),
        describes,
        postgres.encodeSync(),
        postgres.encodeQuery('select 5'),
        postgres.encodeTerminate(),
      ]),
    )
    expect(typesOf(received)).toMatch(/^RS+KZEZTDCZ$/)
    expect(driver.upstreamText()).not.toContain('select 1')
  })
})

test('mutated captures of real clients harm neither the process nor another connection', async () => {
  const capture = (name: string): Buffer => {
    const text = readFileSync(new URL(`../../../wire/src/testdata/${name}.hex`, import.meta.url), 'utf8')
    return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
  }
  const client = new pg.Client({ host: '127.0.0.1', port: driver.port, user: 'agent', database: 'postgres' })
  await client.connect()
  const intact = Buffer.concat([startup, run('select 1'), postgres.encodeSync(), postgres.encodeQuery('select 2')])
  const mutated = fc.oneof(
    mutationsOf(capture('psql-scram-client')),
    mutationsOf(capture('pgbench-extended-client')),
    mutationsOf(intact),
  )
  await fc.assert(
    fc.asyncProperty(mutated, async (bytes) => {
      await exchange(driver.port, bytes, { end: true })
      expect((await client.query('select 7 as seven')).rows).toEqual([{ seven: 7 }])
    }),
    { numRuns: 150 },
  )
  await client.end()
})

describe('who is slow is cut off, and recorded', () => {
  const quick = { startupMs: 100, loginMs: 100 }

  test.each([
    ['says nothing', Buffer.alloc(0), ['08P01']],
    ['stops within its start-up', startup.subarray(0, 9), ['08P01']],
  ])('a client that %s', async (_how, bytes, states) => {
    const impatient = await driverTo(database.port, quick)
    expect(statesOf(await exchange(impatient.port, bytes))).toEqual(states)
    await impatient.recorded('connection.blocked', (record) => record['chaperone.reason'] === 'Unparseable')
  })

  test('a client that stops within its TLS handshake', async () => {
    const impatient = await driverTo(database.port, quick)
    expect((await exchange(impatient.port, sslRequest)).toString()).toBe('S')
    await impatient.recorded('connection.blocked', (record) => record['chaperone.reason'] === 'Unparseable')
  })

  test.each<[string, (socket: Socket) => void]>([
    ['does not answer at all', () => undefined],
    ['stops before its TLS handshake', (socket) => socket.once('data', () => socket.write('S'))],
    ['stops before its login', (socket) => socket.once('data', () => socket.write('N'))],
  ])('a server that %s', async (_how, answer) => {
    const impatient = await driverTo(await fakeServer(answer), quick)
    expect(statesOf(await exchange(impatient.port, startup))).toEqual(['08006'])
    await impatient.recorded('connection.blocked', (record) => record['chaperone.reason'] === 'UpstreamUnreachable')
  })

  test('a client that is asked for its password', async () => {
    const own = policyFor(host, [{ name: 'read', match: { sql: { verbs: ['Select'] } }, action: 'Allow' }], [])
    const upstreamPort = (): number => database.port
    const impatient = await startTestDriver({ authority, host, policy: own, upstreamPort, timeouts: { loginMs: 500 } })
    drivers.push(impatient)
    const received = await exchange(impatient.port, startup)
    expect(typesOf(received)).toBe('RE')
    expect(statesOf(received)).toEqual(['08006'])
  })
})

describe('a server that is not who it should be', () => {
  test('is not given data that came before TLS', async () => {
    const port = await fakeServer((socket) => socket.once('data', () => socket.write('SE')))
    const received = await exchange((await driverTo(port)).port, startup)
    expect(statesOf(received)).toEqual(['08006'])
  })

  test.each([
    ['the password itself', 3, ''],
    ['its MD5 hash', 5, '01020304'],
  ])('is not told %s without TLS', async (_what, kind, salt) => {
    const sent: Buffer[] = []
    const port = await fakeServer((socket) => {
      socket.once('data', () => {
        socket.write('N')
        socket.once('data', () => {
          socket.write(postgres.frame('R', Buffer.concat([Buffer.of(0, 0, 0, kind), hex(salt)])))
          socket.on('data', (chunk: Buffer) => sent.push(chunk))
        })
      })
    })
    const untrusting = await driverTo(port)
    expect(statesOf(await exchange(untrusting.port, startup))).toEqual(['08006'])
    await untrusting.recorded('connection.blocked', (record) => record['chaperone.reason'] === 'UpstreamUntrusted')
    expect(Buffer.concat(sent)).toHaveLength(0)
  })

  test('is not believed a login that it let pass without TLS and without a proof', async () => {
    const port = await fakeServer((socket) => {
      socket.once('data', () => {
        socket.write('N')
        socket.once('data', () =>
          socket.write(Buffer.concat([postgres.encodeAuthenticationOk(), postgres.encodeReadyForQuery('I')])),
        )
      })
    })
    expect(statesOf(await exchange((await driverTo(port)).port, startup))).toEqual(['08006'])
  })

  test('is told a password by SCRAM bound to its certificate', async () => {
    driver.forgetUpstream()
    await driver.psql('select 1')
    expect(driver.upstreamText()).toContain('SCRAM-SHA-256-PLUS\0')
    expect(driver.upstreamText()).toContain('p=tls-server-end-point,,')
  })

  test('may be without TLS, when it proves by SCRAM that it knows the password', async () => {
    const plain = await startTestDatabase(authority, host, { ssl: false })
    try {
      const { stdout } = await (await driverTo(plain.port)).psql('select 1')
      expect(stdout).toBe('1\n')
    } finally {
      await plain.close()
    }
  })

  test.each([
    ['rows', postgres.encodeDataRow([Buffer.from('1')])],
    ['a request for COPY data', postgres.frame('G', Buffer.alloc(3))],
    ['what is no message', hex('51 00000001')],
    ['another way to read statements', postgres.encodeParameterStatus('standard_conforming_strings', 'off')],
  ])('is cut off when it sends %s that nobody asked for', async (_what, unasked) => {
    const port = await fakeServer((socket) => {
      socket.once('data', () => {
        const secure = new TLSSocket(socket, { isServer: true, secureContext: leaf })
        socket.write('S')
        secure
          .on('error', () => undefined)
          .once('data', () => {
            secure.write(Buffer.concat([postgres.encodeAuthenticationOk(), postgres.encodeReadyForQuery('I'), unasked]))
          })
      })
    })
    const guarded = await driverTo(port)
    const received = await exchange(guarded.port, startup)
    expect(typesOf(received)).not.toMatch(/[DGS]/)
    expect(statesOf(received)).toEqual(['08006'])
    await guarded.recorded('connection.blocked', () => true)
  })
})
