import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import pino from 'pino'
import { systemClock, systemRandom } from '@chaperone/core'
import type { CompiledPolicy } from '@chaperone/policy'
import type { Engine } from '../engine/engine.ts'
import { AuditUnavailableError } from '../engine/recorder.ts'
import { createConnectionServer } from './connection-server.ts'

/** What the log is asked to take of connections that come and go one after the other. */
async function kindsRecorded(openings: readonly ('taken' | 'refused' | 'gap')[]): Promise<string[]> {
  const kinds: string[] = []
  const left = [...openings]
  const policy = {
    source: { audit: { level: 'Metadata' } },
    destination: () => ({ kind: 'named', protocols: ['HTTP'] }),
    evaluate: () => ({ kind: 'deny' }),
  } as unknown as CompiledPolicy
  const engine = {
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    policy: { current: policy, peek: () => ({ kind: 'deny' }) },
    recorder: {
      append(kind: string) {
        kinds.push(kind)
        const outcome = kind === 'connection.opened' ? left.shift() : 'taken'
        if (outcome === 'refused') return Promise.reject(new AuditUnavailableError('ERR_AUDIT_UNAVAILABLE', 'full'))
        return Promise.resolve(outcome === 'gap' ? 0 : kinds.length)
      },
    },
  } as unknown as Engine
  const http = {
    serve: ({ socket }: { socket: { resume(): void; end(): void } }) => {
      socket.resume()
      socket.end()
    },
    close: () => Promise.resolve(),
  }
  const connections = createConnectionServer({
    engine,
    drivers: { HTTP: http },
    probe: () => undefined,
    ownerOf: () => undefined,
  })
  const server = createServer((socket) =>
    connections.serve(socket, { target: { host: 'api.example.test', port: 80 }, nameFrom: 'address', aliases: [] }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  for (const _ of openings) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.end('GET / HTTP/1.1\r\nHost: api.example.test\r\n\r\n').resume()
    await once(client, 'close')
  }
  // All its connections have closed, and so have their ends been recorded.
  server.close()
  await once(server, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  return kinds
}

test('a connection has its beginning and its end on record', async () => {
  expect(await kindsRecorded(['taken'])).toEqual(['connection.opened', 'connection.closed'])
})

test('the end of a connection whose beginning was not recorded takes no room in the log', async () => {
  const kinds = await kindsRecorded(['refused', 'gap', 'refused'])
  expect(kinds).toEqual(['connection.opened', 'connection.opened', 'connection.opened'])
})
