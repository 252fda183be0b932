import { request, type RequestOptions } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { createFakeClock, createTestAuthority, type FakeClock } from '@chaperone/testkit'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createSecureServer, type SecureServer } from './secure-server.ts'

let server: SecureServer
let clock: FakeClock
let options: RequestOptions
let arrived: Promise<ServerResponse>

beforeEach(async () => {
  const authority = await createTestAuthority()
  const { key, certificate } = await authority.issue('control.test')
  let arrive: (response: ServerResponse) => void
  arrived = new Promise((resolve) => (arrive = resolve))
  const certificates = { caBundle: authority.certificate, caKey: '', certificate, key }
  clock = createFakeClock()
  server = createSecureServer({ certificates, clock }, (_request, response) => arrive(response))
  const port = await freePort()
  await server.listen(port)
  options = { port, host: '127.0.0.1', servername: 'control.test', ca: authority.certificate }
})
afterEach(async () => {
  const drained = server.drain()
  await clock.advance(5000)
  await drained
})

const call = (): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => request(options, resolve).on('error', reject).end())

test('once retired, answers tell the client not to come back', async () => {
  server.retire()
  const answer = call()
  const response = await arrived
  response.end()
  expect((await answer).headers.connection).toBe('close')
})

test('a call that is under way when the server drains is answered, and no other is taken', async () => {
  const answer = call()
  const response = await arrived
  const drained = server.drain()
  await expect(call()).rejects.toThrow('ECONNREFUSED')
  response.end('allowed')
  expect(await text(await answer)).toBe('allowed')
  await drained
})

test('an answer that never ends is cut after the grace', async () => {
  const answer = call()
  const response = await arrived
  response.write('event\n')
  const received = await answer
  const drained = server.drain()
  await clock.advance(5000)
  await drained
  await expect(text(received)).rejects.toThrow('aborted')
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
