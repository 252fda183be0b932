import { connect, createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { postgres } from '@chaperone/wire'
import { createCatalog } from './catalog.ts'
import { createFrameReader } from './frames.ts'
import type { UpstreamSession } from './upstream-login.ts'

const table = postgres.encodeDataRow(['7', 'public', 'customers', '1', 'name'].map((value) => Buffer.from(value)))
/** Goes away when it is first asked, and answers from then on. */
let answers = false
const server = createServer((socket) => {
  socket.once('data', () => {
    if (answers) socket.write(Buffer.concat([table, postgres.encodeReadyForQuery('I')]))
    else socket.end()
    answers = true
  })
})
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
afterAll(() => new Promise((resolve) => void server.close(resolve)))

function login(): Promise<UpstreamSession> {
  const stream = connect((server.address() as AddressInfo).port, '127.0.0.1')
  return Promise.resolve({ stream, reader: createFrameReader(stream), greeting: [], key: undefined })
}

test('a login that failed and a connection that broke are not used again: the next look-up logs in anew', async () => {
  const logins = [() => Promise.reject(new Error('no server')), login, login]
  const catalog = createCatalog(() => logins.shift()?.() ?? Promise.reject(new Error('a fourth login')), 5000)
  await expect(catalog.load([7])).rejects.toThrow('no server')
  await expect(catalog.load([7])).rejects.toThrow('catalogue: expected an answer in time')
  expect((await catalog.load([7])).get(7)).toMatchObject({ schema: 'public', table: 'customers' })
  catalog.close()
})
