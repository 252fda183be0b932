import { type Clock, systemClock } from '@chaperone/core'
import {
  createFakeClock,
  createFakeRandom,
  startFaultProxy,
  startKubeApiserver,
  type FakeClock,
  type FaultProxy,
  type KubeApiserver,
} from '@chaperone/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { answerJson, startScriptedApiServer } from '../../test/scripted-api-server.ts'
import { createKubeClient, type KubeClient } from '../client/kube-client.ts'
import type { KubeClientConfig } from '../client/kube-config.ts'
import type { UnstructuredObject } from '../client/object.ts'
import type { Resource } from '../client/resource.ts'
import { createReflector, type Reflector, type WatchEnd } from './reflector.ts'

/** A kind that the API server serves from etcd itself, whose history a test can compact. */
const revisions: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
}
const namespace = 'default'

let apiserver: KubeApiserver
let proxy: FaultProxy
let throughProxy: string
let admin: KubeClient
const open: (() => unknown)[] = []

beforeAll(async () => {
  apiserver = await startKubeApiserver({ flags: ['--watch-cache-sizes=controllerrevisions.apps#0'] })
  proxy = await startFaultProxy({ host: '127.0.0.1', port: apiserver.port })
  throughProxy = await apiserver.kubeconfigForUser('watcher', ['system:masters'], {
    url: `https://127.0.0.1:${proxy.port}`,
  })
  admin = createKubeClient({ kubeconfig: apiserver.kubeconfigPath }, { clock: systemClock })
}, 180_000)
afterEach(async () => {
  proxy.resume()
  for (const close of open.splice(0).reverse()) await close()
  const { items } = await admin.list(revisions)
  for (const { metadata } of items) await admin.delete(revisions, { namespace, name: metadata.name ?? '' })
})
afterAll(async () => {
  admin.close()
  await proxy.close()
  await apiserver.stop()
})

interface Following {
  readonly reflector: Reflector<UnstructuredObject>
  readonly ends: WatchEnd[]
  lists: number
  /** Resolves when the names in the store are these. */
  readonly until: (...names: string[]) => Promise<void>
}

function follow(config: KubeClientConfig, clock: Clock): Following {
  const client = createKubeClient(config, { clock })
  const ends: WatchEnd[] = []
  let waiting: (() => void)[] = []
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  const reflector = createReflector({
    client,
    clock,
    random: createFakeRandom(0.5),
    resource: revisions,
    namespace,
    observer: {
      watchEnded: (end) => ends.push(end),
      listed() {
        following.lists += 1
        wake()
      },
    },
  })
  reflector.addHandler({ added: wake, updated: wake, deleted: wake })
  const following: Following = {
    reflector,
    ends,
    lists: 0,
    async until(...names) {
      const held = (): string =>
        JSON.stringify(
          reflector.store
            .list()
            .map(({ metadata }) => metadata.name)
            .sort(),
        )
      while (!reflector.hasSynced() || held() !== JSON.stringify(names))
        await new Promise<void>((resolve) => (waiting = [...waiting, resolve]))
    },
  }
  const stop = new AbortController()
  const running = reflector.run(stop.signal)
  open.push(async () => {
    stop.abort()
    await running
    client.close()
  })
  return following
}

async function create(name: string): Promise<void> {
  const object = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { namespace, name },
    revision: 1,
    data: {},
  }
  await admin.create(revisions, object)
}

/** A reflector behind the proxy that has seen `a` come through its watch. */
async function followWatching(clock: Clock): Promise<Following> {
  const following = follow({ kubeconfig: throughProxy }, clock)
  await following.until()
  await create('a')
  await following.until('a')
  return following
}

/** Lets the next back-off pass (1.6 s with our randomness). */
async function passBackoff(clock: FakeClock): Promise<void> {
  await clock.untilSleeper((ms) => ms < 5000)
  await clock.advance(5000)
}

describe('a reflector on a real API server', () => {
  test('sees what is there and what changes', async () => {
    await create('before')
    const { reflector, until } = follow({ kubeconfig: apiserver.kubeconfigPath }, systemClock)
    await until('before')
    await create('later')
    await until('before', 'later')
    await admin.delete(revisions, { namespace, name: 'before' })
    await until('later')
    expect(reflector.store.get('default/later')).toMatchObject({ apiVersion: 'apps/v1', kind: 'ControllerRevision' })
  })

  test('misses nothing while its connection is cut, and does not list again', async () => {
    const clock = createFakeClock()
    const following = await followWatching(clock)
    proxy.refuse()
    proxy.cut()
    await create('b')
    await admin.delete(revisions, { namespace, name: 'a' })
    await clock.untilSleeper((ms) => ms < 5000)
    proxy.resume()
    await passBackoff(clock)
    await following.until('b')
    expect(following.ends).toEqual(['failed'])
    expect(following.lists).toBe(1)
  })

  test('leaves a connection that has gone silent and misses nothing', async () => {
    const clock = createFakeClock()
    const following = await followWatching(clock)
    proxy.stall()
    await create('b')
    await clock.untilSleeper((ms) => ms === 90_000)
    proxy.resume()
    await clock.advance(90_000)
    await following.until('a', 'b')
    expect(following.ends).toEqual(['silent'])
    expect(following.lists).toBe(1)
  })

  test('lists again when its version is compacted away', async () => {
    const clock = createFakeClock()
    const following = await followWatching(clock)
    proxy.refuse()
    proxy.cut()
    await clock.untilSleeper((ms) => ms < 5000)
    await admin.delete(revisions, { namespace, name: 'a' })
    await create('b')
    await apiserver.compact()
    proxy.resume()
    await passBackoff(clock)
    await passBackoff(clock)
    await following.until('b')
    expect(following.ends).toEqual(['failed', 'gone'])
    expect(following.lists).toBe(2)
  })

  test('comes back after the API server has crashed and started again', async () => {
    const following = follow({ kubeconfig: apiserver.kubeconfigPath }, systemClock)
    await following.until()
    await apiserver.restart()
    await create('after')
    await following.until('after')
  }, 180_000)

  test('gets over 429, 503 and a watch that is refused', async () => {
    const clock = createFakeClock()
    let lists = 0
    let watches = 0
    const server = await startScriptedApiServer(({ url }, response) => {
      if (url.includes('watch=true')) {
        watches += 1
        if (watches === 1) answerJson(response, 500, { reason: 'InternalError' })
        else
          response.write(
            '{"type":"ADDED","object":{"metadata":{"namespace":"default","name":"b","resourceVersion":"8"}}}\n',
          )
        return
      }
      lists += 1
      if (lists === 1) answerJson(response, 429, { reason: 'TooManyRequests', details: { retryAfterSeconds: 4 } })
      else if (lists === 2) response.writeHead(503).end('<html>')
      else {
        const items = [{ metadata: { namespace, name: 'a', resourceVersion: '3' } }]
        answerJson(response, 200, { kind: 'ControllerRevisionList', metadata: { resourceVersion: '7' }, items })
      }
    })
    open.push(() => server.close())
    const following = follow({ kubeconfig: server.kubeconfig() }, clock)
    for (let failure = 0; failure < 3; failure += 1) await passBackoff(clock)
    await following.until('a', 'b')
    expect([lists, watches]).toEqual([3, 2])
    const watched = new URL(server.requests.at(-1)?.url ?? '', server.url)
    expect(watched.searchParams.get('resourceVersion')).toBe('7')
  })

  test('ends at once when it is stopped, though its connection is silent', async () => {
    const following = follow({ kubeconfig: throughProxy }, systemClock)
    await following.until()
    proxy.stall()
    await open.pop()?.()
    expect(following.ends).toEqual([])
  })
})
