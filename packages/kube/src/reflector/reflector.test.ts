import { describe, expect, test } from '@jest/globals'
import { createFakeClock, createFakeRandom, type FakeClock } from '@chaperone/testkit'
import {
  configMap,
  configMaps,
  createScriptedClient,
  type ConfigMap,
  type ScriptedClient,
  type ScriptedWatch,
} from '../../test/scripted-client.ts'
import type { ObjectList } from '../client/kube-client.ts'
import type { WatchEvent } from '../client/watch-event.ts'
import { KubeApiError } from '../errors.ts'
import { createReflector, type Reflector, type ReflectorOptions, type WatchEnd } from './reflector.ts'

const list = (resourceVersion: string, ...items: ConfigMap[]): ObjectList<ConfigMap> => ({ items, resourceVersion })
const added = (object: ConfigMap): WatchEvent<ConfigMap> => ({ type: 'ADDED', object })
const hang = (...events: WatchEvent<ConfigMap>[]): ScriptedWatch => ({ events, then: 'hang' })

interface Fixture {
  readonly clock: FakeClock
  readonly client: ScriptedClient
  readonly reflector: Reflector<ConfigMap>
  readonly seen: string[]
  readonly ends: WatchEnd[]
  readonly retries: number[]
  /** Runs the reflector while `story` goes on. */
  readonly during: (story: () => Promise<void>) => Promise<void>
}

function fixture(
  script: Parameters<typeof createScriptedClient>[0],
  options: Partial<ReflectorOptions<ConfigMap>> = {},
): Fixture {
  const clock = createFakeClock()
  const client = createScriptedClient(script)
  const ends: WatchEnd[] = []
  const retries: number[] = []
  const seen: string[] = []
  const reflector = createReflector({
    client,
    clock,
    random: createFakeRandom(0.5),
    resource: configMaps,
    observer: { watchEnded: (end) => ends.push(end), failed: (_error, retryMs) => retries.push(retryMs) },
    ...options,
  })
  reflector.addHandler({
    added: ({ metadata }) => seen.push(`added ${metadata.name ?? ''}`),
    updated: ({ metadata }, previous) =>
      seen.push(
        `updated ${metadata.name ?? ''} ${previous.metadata.resourceVersion ?? ''}→${metadata.resourceVersion ?? ''}`,
      ),
    deleted: ({ metadata }) => seen.push(`deleted ${metadata.name ?? ''}`),
  })
  return {
    clock,
    client,
    reflector,
    seen,
    ends,
    retries,
    async during(story) {
      const stop = new AbortController()
      const running = reflector.run(stop.signal)
      await clock.settle()
      try {
        await story()
      } finally {
        stop.abort()
        await running
      }
    },
  }
}

describe('a reflector', () => {
  test('lists, then watches from there, and tells every change', async () => {
    const { client, during, reflector, seen } = fixture({
      lists: [list('10', configMap('a', '1'), configMap('b', '2'))],
      watches: [
        hang(
          { type: 'MODIFIED', object: configMap('a', '11') },
          { type: 'DELETED', object: configMap('b', '12') },
          added(configMap('c', '13')),
        ),
      ],
    })
    expect(reflector.hasSynced()).toBe(false)
    await during(async () => {
      await reflector.synced()
      expect(reflector.hasSynced()).toBe(true)
      expect(seen).toEqual(['added a', 'added b', 'updated a 1→11', 'deleted b', 'added c'])
      expect(reflector.store.get('default/a')?.metadata.resourceVersion).toBe('11')
    })
    expect(client.watchesAsked).toMatchObject([{ resourceVersion: '10', timeoutSeconds: 450 }])
  })

  test('goes on from the last bookmark when the server ends the watch', async () => {
    const { client, during, ends } = fixture({
      lists: [list('10')],
      watches: [{ events: [{ type: 'BOOKMARK', resourceVersion: '42' }], then: 'end' }, hang()],
    })
    await during(() => Promise.resolve())
    expect(client.watchesAsked.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '42'])
    expect(client.listsAsked).toHaveLength(1)
    expect(ends).toEqual(['ended'])
  })

  test('goes on from the last event after a cut, with a delay', async () => {
    const cut = new KubeApiError('ERR_KUBE_UNAVAILABLE', 'connection: ECONNRESET')
    const { client, clock, during, ends } = fixture({
      lists: [list('10')],
      watches: [{ events: [added(configMap('a', '11'))], then: cut }, hang(added(configMap('b', '12')))],
    })
    await during(async () => {
      expect(client.watchesAsked).toHaveLength(1)
      expect(clock.sleepers).toEqual([1600])
      await clock.advance(1600)
    })
    expect(client.watchesAsked.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '11'])
    expect(ends).toEqual(['failed'])
  })

  test('lists anew after 410 and tells only what differs', async () => {
    const gone = new KubeApiError('ERR_KUBE_GONE', 'too old resource version')
    const { client, clock, during, ends, seen } = fixture({
      lists: [
        list('10', configMap('a', '1'), configMap('b', '2')),
        list('90', configMap('a', '1'), configMap('c', '80')),
      ],
      watches: [{ events: [], then: gone }, hang()],
    })
    await during(() => clock.advance(2000))
    expect(seen).toEqual(['added a', 'added b', 'deleted b', 'added c'])
    expect(client.watchesAsked.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '90'])
    expect(ends).toEqual(['gone'])
  })

  test('never ends, whatever fails and however often', async () => {
    const refused = new KubeApiError('ERR_KUBE_UNAVAILABLE', 'connection: ECONNREFUSED')
    const { clock, during, reflector, retries } = fixture({
      lists: [...Array.from({ length: 20 }, () => refused), list('10', configMap('a', '1'))],
      watches: [],
    })
    await during(async () => {
      await clock.advance(20 * 30_000)
      expect(reflector.hasSynced()).toBe(true)
    })
    expect(retries.slice(0, 3)).toEqual([1600, 2800, 4600])
    expect(retries.slice(10, 20)).toEqual(Array.from({ length: 10 }, () => 30_000))
  })

  test('waits as long as a busy server asks, but not longer than a minute', async () => {
    const busy = (retryAfterMs: number): KubeApiError =>
      new KubeApiError('ERR_KUBE_TOO_MANY_REQUESTS', 'too many requests', { retryAfterMs })
    const { clock, during, retries } = fixture({ lists: [busy(17_000), busy(3_600_000), list('1')], watches: [] })
    await during(() => clock.advance(100_000))
    expect(retries).toEqual([17_000, 60_000])
  })

  test('replaces a watch that has been silent for 90 seconds, at once and from where it was', async () => {
    const { client, clock, during, ends, reflector, retries } = fixture({
      lists: [list('10')],
      watches: [hang(added(configMap('a', '11'))), hang()],
    })
    await during(async () => {
      await clock.advance(89_999)
      expect(client.watchesAsked).toHaveLength(1)
      expect(reflector.lastEventAgeMs()).toBe(89_999)
      await clock.advance(1)
      expect(client.watchesAsked.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '11'])
      expect(reflector.lastEventAgeMs()).toBe(0)
    })
    expect(ends).toEqual(['silent'])
    expect(retries).toEqual([])
  })

  test('backs off from watches that end at once', async () => {
    const { client, clock, during, retries } = fixture({
      lists: [list('10')],
      watches: [{ events: [], then: 'end' }, { events: [], then: 'end' }, hang()],
    })
    await during(() => clock.advance(10_000))
    expect(client.watchesAsked).toHaveLength(3)
    expect(retries).toEqual([1600, 2800])
  })

  test('lists anew every ten minutes, at the end of a watch that the server was asked to end by then', async () => {
    const { client, clock, during } = fixture(
      { lists: [list('10'), list('20')], watches: [] },
      { random: createFakeRandom(0.9) },
    )
    await during(async () => {
      await clock.advance(599_000)
      expect(client.listsAsked).toHaveLength(1)
      expect(client.watchesAsked[0]?.timeoutSeconds).toBe(570)
      expect(client.watchesAsked.at(-1)?.timeoutSeconds).toBeLessThan(180)
      await clock.advance(90_000)
      expect(client.listsAsked).toHaveLength(2)
      expect(client.watchesAsked.at(-1)?.resourceVersion).toBe('20')
    })
  })

  test('a handler that throws harms neither the store nor the other handlers', async () => {
    const thrown: unknown[] = []
    const { during, reflector, seen } = fixture(
      { lists: [list('10', configMap('a', '1'))], watches: [hang(added(configMap('b', '11')))] },
      { observer: { handlerFailed: (error) => thrown.push(error) } },
    )
    reflector.addHandler({
      added() {
        throw new Error('handler')
      },
    })
    await during(() => Promise.resolve())
    expect(seen).toEqual(['added a', 'added b'])
    expect(thrown).toHaveLength(2)
    expect(reflector.store.size).toBe(2)
  })

  test('a late handler is told what is already there, a removed one nothing more', async () => {
    const { during, reflector, seen } = fixture({ lists: [list('10', configMap('a', '1'))], watches: [hang()] })
    await during(async () => {
      await reflector.synced()
      const remove = reflector.addHandler({ added: ({ metadata }) => seen.push(`late ${metadata.name ?? ''}`) })
      remove()
    })
    expect(seen).toEqual(['added a', 'late a'])
  })

  test('keeps only what the transform leaves; managed fields never', async () => {
    const fat = { ...configMap('a', '1'), metadata: { ...configMap('a', '1').metadata, managedFields: [{}] } }
    const plain = fixture({ lists: [list('10', fat)], watches: [] })
    await plain.during(() => plain.reflector.synced())
    expect(JSON.stringify(plain.reflector.store.get('default/a'))).not.toContain('managedFields')
    const trimmed = fixture(
      { lists: [list('10', configMap('a', '1', { big: 'x' }))], watches: [] },
      { transform: ({ data: _, ...rest }) => rest },
    )
    await trimmed.during(() => trimmed.reflector.synced())
    expect(trimmed.reflector.store.get('default/a')?.data).toBeUndefined()
  })

  test('refuses to hold more objects than its limit and lists again', async () => {
    const { client, clock, during, reflector } = fixture(
      { lists: [list('10', configMap('a', '1'), configMap('b', '1')), list('20', configMap('a', '1'))], watches: [] },
      { maxObjects: 1 },
    )
    await during(async () => {
      expect(reflector.hasSynced()).toBe(false)
      await clock.advance(2000)
      expect(reflector.hasSynced()).toBe(true)
    })
    expect(client.listsAsked).toHaveLength(2)
  })

  test('waiting for the first list ends with the signal', async () => {
    const { reflector } = fixture({ lists: [], watches: [] })
    const stop = new AbortController()
    const waiting = reflector.synced(stop.signal)
    stop.abort(new Error('shutdown'))
    await expect(waiting).rejects.toThrow('shutdown')
    await expect(reflector.synced(stop.signal)).rejects.toThrow('shutdown')
  })
})
