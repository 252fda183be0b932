import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import type { Heartbeat, PodStatus } from '@chaperone/api'
import { createFakeClock } from '@chaperone/testkit'
import type { Caller } from './caller.ts'
import { createHeartbeats } from './heartbeats.ts'

const log = pino({ level: 'silent' })
const callerOf = (pod: string, session = 'devin'): Caller => ({
  pod: { namespace: 'agents', name: pod, uid: `uid-${pod}` },
  serviceAccount: 'system:serviceaccount:agents:default',
  session: { name: session, uid: `uid-${session}` },
})
const beat = (requests: number, more: Partial<Heartbeat> = {}): Heartbeat => ({
  contained: { ok: true, reason: 'Verified' },
  counters: { requests, denied: 0, masked: 0 },
  audit: { sequence: requests, head: 'a'.repeat(64), deliveredSequence: requests },
  ...more,
})

function setUp() {
  const clock = createFakeClock()
  const applied: { session: string; pods: readonly PodStatus[] }[] = []
  const written = new Map<string, PodStatus>()
  const failures: Error[] = []
  const heartbeats = createHeartbeats(
    {
      written: (_namespace, _session, uid) => written.get(uid),
      apply(_namespace, session, pods) {
        const failure = failures.shift()
        if (failure !== undefined) return Promise.reject(failure)
        applied.push({ session, pods })
        return Promise.resolve()
      },
    },
    clock,
    log,
  )
  /** What each write since the last call said: session, and requests by pod. */
  const writes = () =>
    applied.splice(0).map(({ session, pods }) => [session, ...pods.map((pod) => [pod.name, pod.requests])])
  return { clock, heartbeats, writes, written, failures, applied }
}

describe('heartbeats', () => {
  test('of all pods of a session between two flushes make one write', async () => {
    const { heartbeats, writes } = setUp()
    heartbeats.receive(callerOf('a'), beat(1))
    heartbeats.receive(callerOf('a'), beat(2))
    heartbeats.receive(callerOf('b'), beat(7))
    heartbeats.receive(callerOf('c', 'other'), beat(3))
    await heartbeats.flush()
    expect(writes()).toEqual([
      ['devin', ['a', 2], ['b', 7]],
      ['other', ['c', 3]],
    ])
  })

  test('that say nothing new are written once a minute', async () => {
    const { clock, heartbeats, writes } = setUp()
    heartbeats.receive(callerOf('a'), beat(1))
    await heartbeats.flush()
    writes()
    await clock.advance(59_000)
    heartbeats.receive(callerOf('a'), beat(1))
    await heartbeats.flush()
    expect(writes()).toEqual([])
    await clock.advance(60_000)
    heartbeats.receive(callerOf('a'), beat(1))
    await heartbeats.flush()
    expect(writes()).toEqual([['devin', ['a', 1]]])
  })

  test('that could not be written are written by the next flush', async () => {
    const { heartbeats, writes, failures } = setUp()
    failures.push(new Error('slow down'))
    heartbeats.receive(callerOf('a'), beat(1))
    await heartbeats.flush()
    expect(writes()).toEqual([])
    await heartbeats.flush()
    expect(writes()).toEqual([['devin', ['a', 1]]])
  })

  test('of a pod that is gone are forgotten, and its write with them', async () => {
    const { heartbeats, writes } = setUp()
    heartbeats.receive(callerOf('a'), beat(1))
    heartbeats.receive(callerOf('b'), beat(1))
    heartbeats.forget('uid-a')
    await heartbeats.flush()
    expect(writes()).toEqual([['devin', ['b', 1]]])
  })

  test('never turn back the counters of a pod that reports to another replica by now', async () => {
    const { clock, heartbeats, writes, written, applied } = setUp()
    heartbeats.receive(callerOf('moved'), beat(1))
    heartbeats.receive(callerOf('stays'), beat(1))
    await heartbeats.flush()
    const [before] = applied[0]!.pods
    writes()
    written.set('uid-moved', {
      ...before!,
      requests: 50,
      lastHeartbeatTime: new Date(clock.now() + 3000).toISOString(),
    })
    heartbeats.receive(callerOf('stays'), beat(2))
    await heartbeats.flush()
    expect(writes()).toEqual([['devin', ['stays', 2]]])
  })

  test('carry what the sidecar says of itself, each text cut to its limit, and the name that the API server vouches for', async () => {
    const { clock, heartbeats, applied } = setUp()
    heartbeats.receive(
      callerOf('a'),
      beat(1, { contained: { ok: false, message: 'x'.repeat(9999) }, policyHash: 'h', name: 'somebody-else' } as never),
    )
    await heartbeats.flush()
    expect(applied[0]!.pods).toEqual([
      {
        uid: 'uid-a',
        name: 'a',
        contained: false,
        containedReason: 'EscapeFound',
        containedMessage: 'x'.repeat(512),
        policyHash: 'h',
        lastHeartbeatTime: new Date(clock.now()).toISOString(),
        requests: 1,
        denied: 0,
        masked: 0,
        audit: { sequence: 1, head: 'a'.repeat(64), deliveredSequence: 1 },
      },
    ])
  })

  test('carry why a pod is not known to be contained, and when it was tested; of what is no reason and no time, nothing', async () => {
    const { heartbeats, applied } = setUp()
    const checkedAt = '2026-01-01T12:00:00.000Z'
    heartbeats.receive(callerOf('a'), beat(1, { contained: { ok: false, reason: 'CheckOverdue', checkedAt } }))
    heartbeats.receive(
      callerOf('b'),
      beat(1, { contained: { ok: true, reason: 'Invented', checkedAt: 'tomorrow' } as never }),
    )
    await heartbeats.flush()
    expect(applied[0]!.pods).toMatchObject([
      { contained: false, containedReason: 'CheckOverdue', lastCheckTime: checkedAt },
      { contained: true, containedReason: 'Verified' },
    ])
    expect(applied[0]!.pods[1]).not.toHaveProperty('lastCheckTime')
  })

  test.each([
    [null, 'contained.ok'],
    ['text', 'contained.ok'],
    [{ ...beat(1), contained: { ok: 'yes' } }, 'contained.ok'],
    [{ ...beat(1), counters: undefined }, 'counters'],
    [{ ...beat(1), counters: { requests: -1, denied: 0, masked: 0 } }, 'counters'],
    [{ ...beat(1), counters: { requests: 1.5, denied: 0, masked: 0 } }, 'counters'],
    [{ ...beat(1), audit: { ...beat(1).audit, head: 5 } }, 'audit'],
    [{ ...beat(1), audit: { ...beat(1).audit, sequence: '1' } }, 'audit'],
  ])('that are malformed are refused by a message that names the field: %j', async (body, field) => {
    const { heartbeats, writes } = setUp()
    expect(() => heartbeats.receive(callerOf('a'), body as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HEARTBEAT_INVALID', message: expect.stringMatching(`^${field}: expected`) }),
    )
    await heartbeats.flush()
    expect(writes()).toEqual([])
  })
})
