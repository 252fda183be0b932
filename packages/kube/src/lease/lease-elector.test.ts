import { describe, expect, test } from '@jest/globals'
import { createFakeClock, createFakeRandom, type FakeClock } from '@chaperone/testkit'
import { createMemoryLeases, type MemoryLeases } from '../../test/memory-leases.ts'
import { KubeApiError } from '../errors.ts'
import { createLeaseElector, type LeaseElector, type LeaseOutcome } from './lease-elector.ts'

interface Candidate {
  readonly elector: LeaseElector
  readonly stop: () => void
  readonly outcome: Promise<LeaseOutcome>
  /** Whether its work runs, which ends `workMs` after it is asked to. */
  working: boolean
  readonly heard: string[]
}

function campaign(
  clock: FakeClock,
  client: MemoryLeases,
  identity: string,
  { workMs = 0, fraction = 0.5 } = {},
): Candidate {
  const stop = new AbortController()
  const heard: string[] = []
  const elector = createLeaseElector({
    client,
    clock,
    random: createFakeRandom(fraction),
    namespace: 'chaperone-system',
    name: 'operator',
    identity,
    async onStartedLeading(signal) {
      candidate.working = true
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      if (workMs > 0) await clock.sleep(workMs)
      candidate.working = false
    },
    onStoppedLeading: (outcome) => heard.push(`stopped: ${outcome}`),
    observer: {
      leading: (leads) => heard.push(`leading: ${leads}`),
      holderChanged: (holder) => heard.push(`holder: ${holder}`),
      failed: (error) => heard.push(`failed: ${(error as KubeApiError).code}`),
    },
  })
  const candidate: Candidate = {
    elector,
    stop: () => stop.abort(),
    outcome: elector.run(stop.signal),
    working: false,
    heard,
  }
  return candidate
}

const newWorld = () => {
  const clock = createFakeClock()
  return { clock, client: createMemoryLeases((ms) => clock.sleep(ms)) }
}
const down = new KubeApiError('ERR_KUBE_UNAVAILABLE', 'connection: ECONNREFUSED')

describe('a lease elector', () => {
  test('creates the lease with microseconds and leads', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.settle()
    expect(a.working).toBe(true)
    expect(a.elector.isLeader()).toBe(true)
    expect(client.lease?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    })
    expect(a.heard).toEqual(['holder: a', 'leading: true'])
  })

  test('renews every two seconds and keeps the others waiting', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.settle()
    const b = campaign(clock, client, 'b')
    await clock.advance(120_000)
    expect([a.working, b.working]).toEqual([true, false])
    expect(client.writes).toBe(61)
    expect(client.lease?.spec?.renewTime).toBe('2026-01-01T00:02:00.000000Z')
    expect(client.lease?.spec?.acquireTime).toBe('2026-01-01T00:00:00.000000Z')
    expect(b.elector.holder()).toBe('a')
  })

  test('on release the next one leads within two seconds', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.settle()
    const b = campaign(clock, client, 'b', { fraction: 0.999 })
    await clock.advance(5000)
    a.stop()
    expect(await a.outcome).toBe('released')
    expect(client.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 })
    expect(a.heard.slice(-2)).toEqual(['leading: false', 'stopped: released'])
    await clock.advance(2000)
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([false, true])
    expect(client.lease?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })
  })

  test('keeps the lease until its work has ended, however long that takes', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a', { workMs: 40_000 })
    await clock.settle()
    const b = campaign(clock, client, 'b')
    a.stop()
    await clock.advance(39_000)
    expect([a.working, b.working]).toEqual([true, false])
    expect(client.lease?.spec?.holderIdentity).toBe('a')
    await clock.advance(3000)
    expect([a.working, b.working]).toEqual([false, true])
  })

  test('takes over from a crashed leader once the record has not changed for its duration', async () => {
    const { client, clock } = newWorld()
    client.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'chaperone-system', name: 'operator', resourceVersion: '7' },
      spec: { holderIdentity: 'crashed', leaseDurationSeconds: 15, leaseTransitions: 4 },
    }
    const b = campaign(clock, client, 'b')
    await clock.advance(14_500)
    expect(b.working).toBe(false)
    await clock.advance(2000)
    expect(b.working).toBe(true)
    expect(client.lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 5 })
  })

  test('does not believe the clocks of others', async () => {
    const { client, clock } = newWorld()
    client.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'chaperone-system', name: 'operator', resourceVersion: '7' },
      // Renewed a year ago, as far as the times go; and yet somebody may hold it.
      spec: { holderIdentity: 'slow-clock', leaseDurationSeconds: 15, renewTime: '2025-01-01T00:00:00.000000Z' },
    }
    const b = campaign(clock, client, 'b')
    await clock.advance(10_000)
    expect(b.working).toBe(false)
  })

  test('stops within the renew deadline when the API server is away, before anybody else can lead', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.advance(4000)
    client.failure = down
    await clock.advance(9999)
    expect(a.working).toBe(true)
    await clock.advance(1)
    expect(a.elector.isLeader()).toBe(false)
    expect(await a.outcome).toBe('lost')
    expect(a.working).toBe(false)
    expect(a.heard).toContain('failed: ERR_KUBE_UNAVAILABLE')
    expect(a.heard.slice(-2)).toEqual(['leading: false', 'stopped: lost'])
    expect(client.lease?.spec?.holderIdentity).toBe('a')
  })

  test('stops within the renew deadline when the API server is silent', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.advance(4000)
    client.silent = true
    await clock.advance(10_000)
    expect(await a.outcome).toBe('lost')
  })

  test('survives a short outage', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.advance(4000)
    client.failure = down
    await clock.advance(7000)
    client.failure = undefined
    await clock.advance(60_000)
    expect(a.working).toBe(true)
  })

  test('survives an answer that was lost', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.advance(4000)
    client.loseAnswer = true
    await clock.advance(60_000)
    expect(a.working).toBe(true)
    expect(a.heard.filter((line) => line.startsWith('failed'))).toEqual(['failed: ERR_KUBE_UNAVAILABLE'])
  })

  test('stops at once when somebody else has taken the lease or deleted it', async () => {
    for (const usurp of ['taken', 'deleted']) {
      const { client, clock } = newWorld()
      const a = campaign(clock, client, 'a')
      await clock.advance(4000)
      if (usurp === 'deleted') client.lease = undefined
      else {
        const lease = client.lease!
        client.lease = {
          ...lease,
          metadata: { ...lease.metadata, resourceVersion: '999' },
          spec: { ...lease.spec, holderIdentity: 'usurper' },
        }
      }
      await clock.advance(2000)
      expect(await a.outcome).toBe('lost')
    }
  })

  test('stays leader when somebody only labels the lease', async () => {
    const { client, clock } = newWorld()
    const a = campaign(clock, client, 'a')
    await clock.advance(4000)
    const lease = client.lease!
    client.lease = { ...lease, metadata: { ...lease.metadata, labels: { x: 'y' }, resourceVersion: '999' } }
    await clock.advance(2000)
    expect(a.working).toBe(true)
    expect(client.lease.metadata.labels).toEqual({ x: 'y' })
  })

  test('of two that campaign at once, one leads', async () => {
    const { client, clock } = newWorld()
    const candidates = [campaign(clock, client, 'a'), campaign(clock, client, 'b')]
    await clock.advance(60_000)
    expect(candidates.filter(({ working }) => working)).toHaveLength(1)
  })

  test('does not lead when it is stopped while campaigning', async () => {
    const { client, clock } = newWorld()
    client.failure = down
    const a = campaign(clock, client, 'a')
    await clock.advance(3000)
    a.stop()
    expect(await a.outcome).toBe('never')
    expect(a.heard).not.toContain('leading: true')
  })

  test('knows that it leads no longer when nothing ran for a while', async () => {
    const { client, clock } = newWorld()
    let frozenMs = 0
    const frozen: FakeClock = { ...clock, elapsedMs: () => clock.elapsedMs() + frozenMs }
    const a = campaign(frozen, client, 'a')
    await clock.settle()
    expect(a.elector.isLeader()).toBe(true)
    frozenMs = 10_000
    expect(a.elector.isLeader()).toBe(false)
    await clock.advance(2000)
    expect(await a.outcome).toBe('lost')
  })

  test('releases the lease and rejects when the work fails', async () => {
    const { client, clock } = newWorld()
    const elector = createLeaseElector({
      client,
      clock,
      random: createFakeRandom(),
      namespace: 'chaperone-system',
      name: 'operator',
      identity: 'a',
      onStartedLeading: () => Promise.reject(new Error('work')),
    })
    await expect(elector.run(new AbortController().signal)).rejects.toThrow('work')
    expect(client.lease?.spec?.holderIdentity).toBe('')
  })
})
