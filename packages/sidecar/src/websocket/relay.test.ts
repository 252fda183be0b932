import { duplexPair, type Duplex } from 'node:stream'
import { describe, expect, test } from '@jest/globals'
import { createFakeClock, createFakeRandom, type FakeClock } from '@chaperone/testkit'
import { websocket } from '@chaperone/wire'
import { pino } from 'pino'
import { AuditUnavailableError } from '../engine/recorder.ts'
import { startRelay, type Relay, type RelayPorts } from './relay.ts'

interface Bench {
  readonly clock: FakeClock
  readonly relay: Relay
  /** What the two peers hold in their hands. */
  readonly agent: Duplex
  readonly server: Duplex
}

function start(journals?: RelayPorts['journals']): Bench {
  const clock = createFakeClock()
  const [agent, client] = duplexPair({ highWaterMark: 1024 })
  const [server, upstream] = duplexPair({ highWaterMark: 1024 })
  const silent = { add: () => Promise.resolve() }
  const relay = startRelay(
    {
      engine: { clock, random: createFakeRandom(), log: pino({ level: 'silent' }) },
      mask: undefined,
      journals: journals ?? { client: silent, upstream: silent },
      timeouts: { idleMs: 60_000, closeMs: 5_000 },
    },
    { client, upstream },
  )
  return { clock, relay, agent, server }
}

const key = Buffer.of(1, 2, 3, 4)
const text = (payload: string): websocket.Frame => ({
  kind: 'text',
  first: true,
  final: true,
  payload: Buffer.from(payload),
})
const close: websocket.Frame = { kind: 'close', code: 1000, reason: 'done' }

/** All that a peer is sent until its connection ends. */
async function framesOf(stream: Duplex, from: 'client' | 'upstream'): Promise<websocket.Frame[]> {
  const decoder = websocket.createFrameDecoder({ from })
  const frames: websocket.Frame[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) frames.push(...decoder.push(chunk))
  return frames
}

describe('a relay', () => {
  test('ends after its time without a frame, and not before', async () => {
    const { clock, relay, agent, server } = start()
    await clock.advance(59_000)
    agent.write(websocket.encodeFrame({ kind: 'ping', payload: Buffer.alloc(0) }, key))
    await clock.settle()
    let isOver = false
    void relay.ended.then(() => (isOver = true))
    await clock.advance(59_000)
    expect(isOver).toBe(false)
    await clock.advance(1_000)
    expect(await relay.ended).toEqual({ code: 1001, message: 'idle for too long' })
    agent.end()
    server.end()
    server.resume()
    expect(await framesOf(agent, 'upstream')).toEqual([{ kind: 'close', code: 1001, reason: 'idle for too long' }])
    await relay.closed
  })

  test('bytes that never become a frame do not keep it open', async () => {
    const { clock, relay, agent } = start()
    agent.write(Buffer.of(0x82))
    await clock.advance(60_000)
    expect(await relay.ended).toMatchObject({ code: 1001 })
  })

  test('waits for the answer to a close, and no longer than it may', async () => {
    const { clock, relay, agent, server } = start()
    agent.write(websocket.encodeFrame(close, key))
    await clock.settle()
    server.write(websocket.encodeFrame(text('one more')))
    await clock.advance(5_000)
    expect(await relay.ended).toEqual({ code: 1000, message: 'done' })
    server.end()
    agent.end()
    expect(await framesOf(agent, 'upstream')).toEqual([text('one more'), close])
    expect(await framesOf(server, 'client')).toEqual([close])
    await relay.closed
  })

  test('breaks off with peers that do not go when they are told to', async () => {
    const { clock, relay } = start()
    relay.end({ code: 1008, message: 'policy changed' })
    await clock.settle()
    await clock.advance(5_000)
    await relay.closed
  })

  test('neither carries nor records what comes once it has ended', async () => {
    const recorded: string[] = []
    const journal = { add: ({ payload }: websocket.DataFrame) => Promise.resolve(void recorded.push(String(payload))) }
    const { clock, relay, agent, server } = start({ client: journal, upstream: journal })
    agent.write(websocket.encodeFrame(text('before'), key))
    await clock.settle()
    relay.end({ code: 1008, message: 'policy changed' })
    agent.end(websocket.encodeFrame(text('after'), key))
    server.end()
    agent.resume()
    expect(await framesOf(server, 'client')).toEqual([
      text('before'),
      { kind: 'close', code: 1008, reason: 'policy changed' },
    ])
    await relay.closed
    expect(recorded).toEqual(['before'])
  })

  test('lets a fast side wait for a slow one', async () => {
    const { clock, agent, server } = start()
    const frame = websocket.encodeFrame(text('x'.repeat(500)))
    let taken = 0
    for (let count = 0; count < 100; count++) server.write(frame, () => taken++)
    await clock.settle()
    expect(taken).toBeLessThan(20)
    agent.resume()
    await new Promise((resolve) => server.once('drain', resolve))
    expect(taken).toBe(100)
  })

  test('ends when a message cannot be recorded, and that message does not pass', async () => {
    const { relay, agent, server } = start({
      client: { add: () => Promise.reject(new AuditUnavailableError('ERR_AUDIT_UNAVAILABLE', 'full')) },
      upstream: { add: () => Promise.resolve() },
    })
    agent.write(websocket.encodeFrame(text('secret'), key))
    expect(await relay.ended).toMatchObject({ code: 1011, refused: { reason: 'AuditUnavailable', by: 'client' } })
    agent.end()
    server.end()
    expect(await framesOf(server, 'client')).toMatchObject([{ kind: 'close', code: 1011 }])
  })
})
