import { describe, expect, test } from '@jest/globals'
import { createFakeClock, createFakeRandom, type FakeClock } from '@chaperone/testkit'
import { configMap } from '../../test/scripted-client.ts'
import type { KubeClient } from '../client/kube-client.ts'
import type { KubeObject, ObjectName } from '../client/object.ts'
import type { Patch } from '../client/patch.ts'
import type { Resource } from '../client/resource.ts'
import { KubeApiError, type KubeErrorCode } from '../errors.ts'
import type { EventInput, KubeEvent } from './event-object.ts'
import { createEventRecorder, type EventRecorder } from './event-recorder.ts'

interface Fixture {
  readonly clock: FakeClock
  readonly recorder: EventRecorder
  readonly created: KubeEvent[]
  readonly patched: unknown[]
  readonly dropped: string[]
  /** Errors that the next writes fail with. */
  readonly failures: KubeErrorCode[]
  readonly stop: () => Promise<void>
}

function start(): Fixture {
  const clock = createFakeClock()
  const created: KubeEvent[] = []
  const patched: unknown[] = []
  const dropped: string[] = []
  const failures: KubeErrorCode[] = []
  const failing = (): void => {
    const code = failures.shift()
    if (code !== undefined) throw new KubeApiError(code, 'scripted')
  }
  const client: Pick<KubeClient, 'create' | 'patch'> = {
    async create<T extends KubeObject>(_resource: Resource<T>, object: T) {
      failing()
      created.push(object as KubeObject as KubeEvent)
      return Promise.resolve(object)
    },
    async patch<T extends KubeObject>(_resource: Resource<T>, _name: ObjectName, patch: Patch) {
      failing()
      patched.push(patch.body)
      return Promise.resolve({} as T)
    },
  }
  const recorder = createEventRecorder({
    client,
    clock,
    random: createFakeRandom(),
    controller: 'chaperone.dev/operator',
    instance: 'operator-0',
    observer: { dropped: (input, why) => dropped.push(`${why}: ${input.note}`) },
  })
  const stop = new AbortController()
  const running = recorder.run(stop.signal)
  return {
    clock,
    recorder,
    created,
    patched,
    dropped,
    failures,
    stop() {
      stop.abort()
      return running
    },
  }
}

const input = (overrides: Partial<EventInput> = {}): EventInput => ({
  regarding: configMap('a', '1'),
  type: 'Warning',
  reason: 'PolicyInvalid',
  action: 'Reconcile',
  note: 'rule 2 has no host',
  ...overrides,
})

describe('an event recorder', () => {
  test('writes an event as events.k8s.io/v1 wants it', async () => {
    const { clock, created, recorder } = start()
    recorder.record(input({ related: configMap('b', '1') }))
    await clock.settle()
    expect(created).toEqual([
      {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { namespace: 'default', name: 'a.0000000000000000' },
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'chaperone.dev/operator',
        reportingInstance: 'operator-0',
        regarding: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'a', uid: 'uid-a' },
        related: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'b', uid: 'uid-b' },
        type: 'Warning',
        reason: 'PolicyInvalid',
        action: 'Reconcile',
        note: 'rule 2 has no host',
      },
    ])
  })

  test('counts repetitions in a series: the second at once, later ones gathered', async () => {
    const { clock, created, patched, recorder } = start()
    for (let time = 0; time < 10; time += 1) {
      recorder.record(input())
      await clock.advance(1000)
    }
    expect(created).toHaveLength(1)
    expect(patched).toEqual([{ series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } }])
    await clock.advance(60_000)
    expect(patched.at(-1)).toEqual({ series: { count: 10, lastObservedTime: '2026-01-01T00:00:09.000000Z' } })
    expect(patched).toHaveLength(2)
  })

  test('starts a new event after six silent minutes, or when anything differs', async () => {
    const { clock, created, recorder } = start()
    recorder.record(input())
    await clock.advance(359_000)
    recorder.record(input())
    await clock.advance(360_000)
    recorder.record(input())
    recorder.record(input({ note: 'rule 3 has no host' }))
    recorder.record(input({ regarding: configMap('other', '1') }))
    await clock.settle()
    expect(created).toHaveLength(4)
  })

  test('writes the event anew when it has expired', async () => {
    const { clock, created, failures, recorder } = start()
    recorder.record(input())
    await clock.settle()
    failures.push('ERR_KUBE_NOT_FOUND')
    recorder.record(input())
    await clock.settle()
    expect(created).toHaveLength(2)
    expect(created[1]?.series?.count).toBe(2)
  })

  test('takes at most 25 events about one object, then one in five minutes', async () => {
    const { clock, created, dropped, recorder } = start()
    for (let index = 0; index < 40; index += 1) recorder.record(input({ note: `note ${index}` }))
    recorder.record(input({ regarding: configMap('other', '1') }))
    await clock.settle()
    expect(created).toHaveLength(26)
    expect(dropped).toHaveLength(15)
    expect(dropped[0]).toBe('rate: note 25')
    await clock.advance(300_000)
    recorder.record(input({ note: 'later' }))
    await clock.settle()
    expect(created.at(-1)?.note).toBe('later')
  })

  test('tries a busy server three times, any other refusal once', async () => {
    const { clock, created, dropped, failures, recorder } = start()
    failures.push('ERR_KUBE_UNAVAILABLE', 'ERR_KUBE_TOO_MANY_REQUESTS')
    recorder.record(input())
    await clock.advance(3000)
    expect(created).toHaveLength(1)
    failures.push('ERR_KUBE_FORBIDDEN')
    recorder.record(input({ note: 'terminating' }))
    await clock.settle()
    expect(dropped).toEqual(['failed: terminating'])
  })

  test('holds a bounded number of events when the server is slow', () => {
    const { dropped, recorder } = start()
    for (let index = 0; index < 1010; index += 1)
      recorder.record(input({ regarding: configMap(`object-${index}`, '1'), note: `${index}` }))
    expect(dropped).toHaveLength(10)
  })

  test('writes what is left when it is stopped', async () => {
    const { clock, created, patched, recorder, stop } = start()
    for (let time = 0; time < 5; time += 1) {
      recorder.record(input())
      await clock.settle()
    }
    recorder.record(input({ note: 'last words' }))
    await stop()
    expect(created.at(-1)?.note).toBe('last words')
    expect(patched.at(-1)).toMatchObject({ series: { count: 5 } })
  })

  test('cuts notes at 1024 bytes, never within a character', async () => {
    const { clock, created, recorder } = start()
    recorder.record(input({ note: '😀'.repeat(400) }))
    recorder.record(input({ note: 'x'.repeat(1024) }))
    await clock.settle()
    expect(created[0]?.note).toBe(`${'😀'.repeat(255)}…`)
    expect(created[1]?.note).toBe('x'.repeat(1024))
  })

  test('finds a name and a namespace for events about anything', async () => {
    const { clock, created, recorder } = start()
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:node' } }
    recorder.record(input({ regarding: role }))
    recorder.record(input({ regarding: { ...role, metadata: { name: 'x'.repeat(253) } } }))
    await clock.settle()
    expect(created.map(({ metadata }) => metadata)).toEqual([
      { namespace: 'default', name: 'clusterrole.0000000000000000' },
      { namespace: 'default', name: `${'x'.repeat(236)}.0000000000000000` },
    ])
  })
})
