import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { hasListener, listensOnLoopback } from './sidecar-listens.ts'

test.each(['127.0.0.1', '::1'])('a listener on %s is seen until it is gone', async (host) => {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await listensOnLoopback(port)).toBe(true)
  server.close()
  await once(server, 'close')
  expect(await listensOnLoopback(port)).toBe(false)
})

test('of many connections only the first is read', async () => {
  let read = 0
  function* lines() {
    yield '  sl  local_address rem_address   st tx_queue rx_queue'
    yield '   0: 0100007F:0016 00000000:0000 0A 00000000:00000000'
    for (; read < 100_000; read += 1) yield '   1: 0100007F:3A99 0100007F:0016 01 00000000:00000000'
  }
  expect(await hasListener(lines(), 0x3a99)).toBe(false)
  expect(read).toBe(0)
})
