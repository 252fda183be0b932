import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import pino from 'pino'
import type { ControlEvent, Heartbeat } from '@chaperone/api'
import { createFakeClock, createFakeRandom, cutsOf } from '@chaperone/testkit'
import { ControlError } from '../errors.ts'
import { createEventStream } from './event-stream.ts'
import { createHeartbeatLoop } from './heartbeat-loop.ts'
import { ndjsonLines } from './ndjson.ts'
import { parseEvent } from './parse-event.ts'

const log = pino({ level: 'silent' })
const linesOf = async (chunks: readonly Uint8Array[], maxBytes = 1000): Promise<string[]> => {
  const lines: string[] = []
  for await (const line of ndjsonLines(streamOf(chunks), maxBytes)) lines.push(line)
  return lines
}
async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) {
    await Promise.resolve()
    yield chunk
  }
}

describe('lines', () => {
  test('are the same however the stream is cut', async () => {
    const bytes = Buffer.from('{"type":"ping"}\n\n{"a":"é"}\nrest')
    await fc.assert(
      fc.asyncProperty(cutsOf(bytes), async (chunks) => {
        expect(await linesOf(chunks)).toEqual(['{"type":"ping"}', '', '{"a":"é"}'])
      }),
    )
  })

  test('are bounded, ended or not', async () => {
    await expect(linesOf([Buffer.from('12345')], 4)).rejects.toThrow(ControlError)
    await expect(linesOf([Buffer.from('12'), Buffer.from('345\n')], 4)).rejects.toThrow('at most 4 bytes')
  })
})

describe('events', () => {
  test('of a type that we do not know are passed over', () => {
    expect(parseEvent('{"type":"fanfare"}')).toBeUndefined()
  })

  test.each([
    '',
    '[]',
    'null',
    '{}',
    '{"type":"policy"}',
    '{"type":"approval","approval":{"name":"a"}}',
    '{"type":"trust"}',
  ])('%s is malformed', (line) => {
    expect(() => parseEvent(line)).toThrow(ControlError)
  })
})

describe('the event stream', () => {
  const setUp = () => {
    const clock = createFakeClock()
    const events: ControlEvent['type'][] = []
    let opened = 0
    let connected = 0
    /** What each connection does; the last one is repeated. */
    const scripts: ((signal: AbortSignal) => AsyncIterable<Uint8Array>)[] = []
    const stream = createEventStream({
      open: (signal) => {
        const script = scripts[Math.min(opened++, scripts.length - 1)]
        return script === undefined ? Promise.reject(new Error('refused')) : Promise.resolve(script(signal))
      },
      onEvent: (event) => events.push(event.type),
      onConnected: () => (connected += 1),
      clock,
      random: createFakeRandom(),
      log,
    })
    return { clock, events, scripts, stream, opened: () => opened, connected: () => connected }
  }
  const silent = (signal: AbortSignal): AsyncIterable<Uint8Array> => ({
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('{"type":"ping"}\n')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
  })

  test('waits longer and longer while the director is away', async () => {
    const { clock, opened, stream } = setUp()
    await clock.settle()
    expect(opened()).toBe(1)
    await clock.advance(250)
    expect(opened()).toBe(2)
    await clock.advance(499)
    expect(opened()).toBe(2)
    await clock.advance(1)
    expect(opened()).toBe(3)
    await clock.advance(120_000)
    expect(opened()).toBeLessThan(18)
    await stream.close()
  })

  test('is connected while events come, and reconnects when the director falls silent', async () => {
    const { clock, scripts, stream, events, opened, connected } = setUp()
    scripts.push(silent)
    await clock.advance(250)
    expect(stream.isConnected).toBe(true)
    expect(events).toEqual(['ping'])
    const before = opened()
    await clock.advance(30_001)
    expect(opened()).toBe(before)
    expect(stream.isConnected).toBe(false)
    await clock.advance(1000)
    expect(opened()).toBe(before + 1)
    expect(connected()).toBe(2)
    await stream.close()
  })
})

test('heartbeats come every three seconds, and soon after a change, however many changes there were', async () => {
  const clock = createFakeClock()
  const sent: number[] = []
  const beat = createHeartbeatLoop({
    send: () => {
      sent.push(clock.elapsedMs())
      return Promise.resolve()
    },
    snapshot: () => ({}) as Heartbeat,
    clock,
    log,
  })
  await clock.advance(3000)
  expect(sent).toEqual([3000])
  beat.nudge()
  beat.nudge()
  await clock.advance(100)
  expect(sent).toEqual([3000, 3100])
  await clock.advance(3000)
  expect(sent).toEqual([3000, 3100, 6100])
  await beat.close()
  expect(sent).toHaveLength(4)
})
