import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createTestAuthority } from '@chaperone/testkit'
import { sniff } from './sniff.ts'

let server: Server
let port: number
let accepted: Promise<Socket>
beforeEach(async () => {
  server = createServer({ allowHalfOpen: true })
  accepted = once(server, 'connection').then(([socket]) => socket as Socket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(() => void server.close())

test('a TLS client is known by its hello, and its handshake then succeeds', async () => {
  const authority = await createTestAuthority()
  const { key, certificate: cert } = await authority.issue('api.test')
  const client = connectTls({ port, host: '127.0.0.1', servername: 'api.test', ca: authority.certificate })
  const socket = await accepted
  expect(await sniff(socket)).toMatchObject({ kind: 'tls', hello: { serverName: 'api.test' } })
  const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ key, cert }) })
  secured.on('secure', () => secured.end('welcome'))
  expect(String((await once(client, 'data'))[0])).toBe('welcome')
  client.destroy()
})

test("an HTTP client cut into single bytes is known by its method, and Node's server then reads the request", async () => {
  const http = createHttp((request, response) => response.end(`read ${request.url ?? ''}`))
  const client = connect(port, '127.0.0.1')
  const socket = await accepted
  const sniffed = sniff(socket)
  for (const byte of 'GET /a HT') {
    client.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await sniffed).toEqual({ kind: 'plain', protocol: 'http1' })
  http.emit('connection', socket)
  client.write('TP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let answer = ''
  for await (const chunk of client) answer += String(chunk)
  expect(answer).toContain('read /a')
})

test('bytes that are no protocol are unknown, and a client that leaves is gone', async () => {
  const client = connect(port, '127.0.0.1')
  client.write(Buffer.from([0xff, 0xfe]))
  const socket = await accepted
  expect(await sniff(socket)).toMatchObject({ kind: 'unknown' })
  accepted = once(server, 'connection').then(([next]) => next as Socket)
  const second = connect(port, '127.0.0.1')
  second.write('GE')
  const leaving = await accepted
  const sniffed = sniff(leaving)
  second.end()
  expect(await sniffed).toEqual({ kind: 'closed' })
  for (const each of [client, second, socket, leaving]) each.destroy()
})
