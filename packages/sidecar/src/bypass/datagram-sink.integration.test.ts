import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { createFakeClock, freePorts, type FakeClock } from '@chaperone/testkit'
import type { Destination } from '../listen/original-destination.ts'
import { serveDatagramSink } from './datagram-sink.ts'

let sink: Socket
let client: Socket
let clock: FakeClock
let senders: Destination[]

beforeEach(async () => {
  clock = createFakeClock()
  senders = []
  const [port] = await freePorts(1)
  sink = createSocket('udp4').bind(port, '127.0.0.1')
  await once(sink, 'listening')
  serveDatagramSink(sink, (sender) => senders.push(sender), { clock, log: pino({ level: 'silent' }) })
  client = createSocket('udp4')
  client.connect(sink.address().port, '127.0.0.1')
  await once(client, 'connect')
})
afterEach(() => {
  client.close()
  sink.close()
})

/** Sends until the kernel says that nobody is there. */
async function untilRefused(): Promise<void> {
  const refused = once(client, 'error') as Promise<[NodeJS.ErrnoException]>
  const sending = setInterval(() => client.send('datagram'), 1)
  const [{ code }] = await refused
  clearInterval(sending)
  expect(code).toBe('ECONNREFUSED')
}

test('who sends is told on, a few times, and then refused by the kernel', async () => {
  client.send('datagram')
  await once(sink, 'message')
  expect(senders).toEqual([{ address: '127.0.0.1', port: client.address().port }])
  client.on('error', () => undefined)
  await untilRefused()
  expect(senders.length).toBe(16)
})

test('after a second of silence the sink listens again, at the port that nobody could take meanwhile', async () => {
  client.on('error', () => undefined)
  await untilRefused()
  const thief = createSocket('udp4').bind(sink.address().port, '127.0.0.1')
  expect(await once(thief, 'error')).toMatchObject([{ code: 'EADDRINUSE' }])
  thief.close()
  await clock.untilSleeper((ms) => ms === 1000)
  const before = senders.length
  await clock.advance(1000)
  while (senders.length === before) {
    client.send('datagram')
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(senders.at(-1)).toEqual({ address: '127.0.0.1', port: client.address().port })
})
