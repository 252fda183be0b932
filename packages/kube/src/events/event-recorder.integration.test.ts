import { systemClock, systemRandom } from '@chaperone/core'
import { startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { configMaps } from '../../test/scripted-client.ts'
import { createKubeClient, type KubeClient } from '../client/kube-client.ts'
import { events } from './event-object.ts'
import { createEventRecorder } from './event-recorder.ts'

let apiserver: KubeApiserver
let client: KubeClient

beforeAll(async () => {
  apiserver = await startKubeApiserver()
  client = createKubeClient({ kubeconfig: apiserver.kubeconfigPath }, { clock: systemClock })
}, 180_000)
afterAll(async () => {
  client.close()
  await apiserver.stop()
})

test('a real API server accepts events, their series, and events about cluster-scoped objects', async () => {
  const metadata = { namespace: 'default', name: 'subject' }
  const subject = await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
  const dropped: unknown[] = []
  const recorder = createEventRecorder({
    client,
    clock: systemClock,
    random: systemRandom,
    controller: 'chaperone.dev/operator',
    instance: 'operator-0',
    observer: { dropped: (_input, _why, error) => dropped.push(error) },
  })
  const happened = { regarding: subject, type: 'Warning', reason: 'PolicyInvalid', action: 'Reconcile' } as const
  for (let time = 0; time < 3; time += 1) recorder.record({ ...happened, note: 'rule 2 has no host' })
  recorder.record({ ...happened, note: 'x'.repeat(5000) })
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'system:node' } }
  recorder.record({ ...happened, regarding: role, note: 'about the cluster' })
  const stop = new AbortController()
  const running = recorder.run(stop.signal)
  recorder.record({ ...happened, note: 'rule 2 has no host' })
  stop.abort()
  await running
  expect(dropped).toEqual([])
  const { items } = await client.list(events, { namespace: 'default', fieldSelector: 'reason=PolicyInvalid' })
  const seen = items.map(({ note, series }) => [note.slice(0, 18), series?.count]).sort()
  expect(seen).toEqual([
    ['about the cluster', undefined],
    ['rule 2 has no host', 4],
    ['x'.repeat(18), undefined],
  ])
})

test('a series goes on in the event that exists', async () => {
  const metadata = { namespace: 'default', name: 'series' }
  const regarding = await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
  const written = {
    creates: 0,
    patched: Promise.withResolvers<undefined>(),
    created: Promise.withResolvers<undefined>(),
  }
  const recorder = createEventRecorder({
    client: {
      async create(resource, object, options) {
        const created = await client.create(resource, object, options)
        written.creates += 1
        written.created.resolve(undefined)
        return created
      },
      async patch(resource, name, patch, options) {
        const patched = await client.patch(resource, name, patch, options)
        written.patched.resolve(undefined)
        return patched
      },
    },
    clock: systemClock,
    random: systemRandom,
    controller: 'chaperone.dev/operator',
    instance: 'operator-0',
  })
  const stop = new AbortController()
  const running = recorder.run(stop.signal)
  const input = { regarding, type: 'Normal', reason: 'Bound', action: 'Bind', note: 'a pod was bound' } as const
  recorder.record(input)
  await written.created.promise
  recorder.record(input)
  await written.patched.promise
  stop.abort()
  await running
  const { items } = await client.list(events, { namespace: 'default', fieldSelector: 'reason=Bound' })
  expect(items).toMatchObject([{ note: 'a pod was bound', series: { count: 2 } }])
  expect(written.creates).toBe(1)
})
