import { readFile, writeFile } from 'node:fs/promises'
import { systemClock } from '@chaperone/core'
import { startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { configMaps, type ConfigMap } from '../../test/scripted-client.ts'
import { KubeApiError } from '../errors.ts'
import { createApplier } from './apply.ts'
import { addFinalizer, removeFinalizer } from './finalizers.ts'
import { createKubeClient, type KubeClient, type ListOptions } from './kube-client.ts'
import { listAll } from './list-all.ts'
import type { KubeObject, ObjectName, UnstructuredObject } from './object.ts'
import type { Resource } from './resource.ts'
import { reviewAccess, reviewOwnAccess, reviewToken, whoAmI } from './reviews.ts'
import { serverVersion } from './server-version.ts'

let apiserver: KubeApiserver
let client: KubeClient
const clients: KubeClient[] = []

beforeAll(async () => {
  // Without the watch cache, reads come from etcd itself, whose history a test can compact.
  apiserver = await startKubeApiserver({ flags: ['--watch-cache-sizes=controllerrevisions.apps#0'] })
  client = connect(apiserver.kubeconfigPath)
}, 180_000)
afterAll(async () => {
  for (const each of clients) each.close()
  await apiserver.stop()
})

function connect(kubeconfig: string): KubeClient {
  const connected = createKubeClient({ kubeconfig }, { clock: systemClock })
  clients.push(connected)
  return connected
}

const named = (name: string): ObjectName => ({ namespace: 'default', name })
const fresh = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: named(name),
  data,
})
const core = { group: '', version: 'v1' } as const
const pods: Resource = { ...core, plural: 'pods', kind: 'Pod', namespaced: true }
const namespaces: Resource = { ...core, plural: 'namespaces', kind: 'Namespace', namespaced: false }
const uncached: Resource = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
}
const serviceAccounts: Resource = { ...core, plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true }

describe('objects', () => {
  test('are created, read, replaced, patched and deleted', async () => {
    const created = await client.create(configMaps, fresh('life', { a: '1' }))
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(await client.get(configMaps, named('life'))).toEqual(created)
    const updated = await client.update(configMaps, { ...created, data: { a: '2' } })
    expect(updated.data).toEqual({ a: '2' })
    const merged = await client.patch(configMaps, named('life'), { type: 'merge', body: { data: { b: '3' } } })
    expect(merged.data).toEqual({ a: '2', b: '3' })
    const operated = await client.patch(configMaps, named('life'), {
      type: 'json',
      body: [
        { op: 'test', path: '/data/a', value: '2' },
        { op: 'remove', path: '/data/a' },
      ],
    })
    expect(operated.data).toEqual({ b: '3' })
    await client.delete(configMaps, named('life'), { uid: created.metadata.uid ?? '' })
    await expect(client.get(configMaps, named('life'))).rejects.toMatchObject({
      code: 'ERR_KUBE_NOT_FOUND',
      status: 404,
    })
  })

  test('are created under a generated name', async () => {
    const object = { ...fresh(''), metadata: { namespace: 'default', generateName: 'made-' } }
    expect((await client.create(configMaps, object)).metadata.name).toMatch(/^made-\w+$/)
  })

  test('are listed in pages, kinds filled in, as of one moment', async () => {
    await apiserver.createNamespace('pages')
    for (const name of ['a', 'b', 'c'])
      await client.create(configMaps, { ...fresh(name), metadata: { namespace: 'pages', name } })
    const first = await client.list(configMaps, { namespace: 'pages', limit: 2 })
    expect(first.items.map(({ kind, apiVersion, metadata }) => [apiVersion, kind, metadata.name])).toEqual([
      ['v1', 'ConfigMap', 'a'],
      ['v1', 'ConfigMap', 'b'],
    ])
    const { continueToken = '' } = first
    const second = await client.list(configMaps, { namespace: 'pages', limit: 2, continueToken })
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(['c'])
    expect(second.continueToken).toBeUndefined()
    const all = await listAll(client, configMaps, { namespace: 'pages', fieldSelector: 'metadata.name=b' })
    expect(all.items.map(({ metadata }) => metadata.name)).toEqual(['b'])
  })

  test('keep members that nobody here has heard of', async () => {
    const pod = { ...podCalled('unknown'), metadata: { ...named('unknown'), annotations: { 'x/y': 'ü€😀' } } }
    await client.create(pods, pod)
    const read = await client.get(pods, named('unknown'))
    expect(read.metadata.annotations).toEqual({ 'x/y': 'ü€😀' })
    expect(read['status']).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' })
    expect(read).toMatchObject({ spec: { tolerations: expect.anything() as unknown } })
  })

  test('are not stored by a dry run', async () => {
    expect((await client.create(configMaps, fresh('dry'), { dryRun: true })).metadata.name).toBe('dry')
    await expect(client.get(configMaps, named('dry'))).rejects.toMatchObject({ code: 'ERR_KUBE_NOT_FOUND' })
  })
})

describe('refusals', () => {
  test('a stale replace conflicts; a second create says that it exists', async () => {
    const created = await client.create(configMaps, fresh('lock'))
    await client.update(configMaps, { ...created, data: { a: '1' } })
    await expect(client.update(configMaps, { ...created, data: { a: '2' } })).rejects.toMatchObject({
      code: 'ERR_KUBE_CONFLICT',
      status: 409,
    })
    await expect(client.create(configMaps, fresh('lock'))).rejects.toMatchObject({ code: 'ERR_KUBE_ALREADY_EXISTS' })
  })

  test('a deletion spares another incarnation', async () => {
    await client.create(configMaps, fresh('incarnation'))
    await expect(
      client.delete(configMaps, named('incarnation'), { uid: '00000000-0000-0000-0000-000000000000' }),
    ).rejects.toMatchObject({ code: 'ERR_KUBE_CONFLICT' })
  })

  test('an invalid object names its faults', async () => {
    const failure: unknown = await client.create(configMaps, fresh('Not_A_Name')).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(KubeApiError)
    expect(failure).toMatchObject({ code: 'ERR_KUBE_INVALID', status: 422, causes: [{ field: 'metadata.name' }] })
  })

  test('a failed test of a JSON patch is invalid', async () => {
    await client.create(configMaps, fresh('tested', { a: '1' }))
    const body = [{ op: 'test', path: '/data/a', value: '2' }] as const
    await expect(client.patch(configMaps, named('tested'), { type: 'json', body })).rejects.toMatchObject({
      code: 'ERR_KUBE_INVALID',
    })
  })

  test('what RBAC does not allow is forbidden', async () => {
    const stranger = connect(await apiserver.kubeconfigForUser('stranger'))
    await expect(stranger.list(configMaps)).rejects.toMatchObject({ code: 'ERR_KUBE_FORBIDDEN', status: 403 })
  })

  test('a continue token whose moment is compacted away is gone, and the whole list is read anew', async () => {
    for (const name of ['gone-1', 'gone-2', 'gone-3']) await client.create(uncached, revisionCalled(name))
    const { continueToken = '' } = await client.list(uncached, { limit: 1 })
    await client.create(uncached, revisionCalled('gone-4'))
    await apiserver.compact()
    await expect(client.list(uncached, { limit: 1, continueToken })).rejects.toMatchObject({ code: 'ERR_KUBE_GONE' })
    let pages = 0
    const stale = {
      list: <T extends KubeObject>(resource: Resource<T>, options?: ListOptions) => {
        pages += 1
        return client.list(resource, pages === 1 ? { limit: 1 } : pages === 2 ? { ...options, continueToken } : options)
      },
    }
    expect((await listAll(stale, uncached)).items).toHaveLength(4)
  })
})

describe('server-side apply', () => {
  test('creates, then removes what is no longer wanted and leaves what others own', async () => {
    const applier = createApplier(client, 'chaperone-operator')
    await applier.apply(configMaps, fresh('applied', { ours: '1', old: '1' }))
    await client.patch(configMaps, named('applied'), { type: 'merge', body: { data: { theirs: '1' } } })
    const applied = await applier.apply(configMaps, fresh('applied', { ours: '2' }))
    expect(applied.data).toEqual({ ours: '2', theirs: '1' })
  })

  test('takes a field from another manager; without force it conflicts and names the field', async () => {
    await createApplier(client, 'them').apply(configMaps, fresh('contested', { a: 'theirs' }))
    const body = fresh('contested', { a: 'ours' })
    await expect(
      client.patch(configMaps, named('contested'), { type: 'apply', body, fieldManager: 'us', force: false }),
    ).rejects.toMatchObject({
      code: 'ERR_KUBE_CONFLICT',
      causes: [{ field: '.data.a', reason: 'FieldManagerConflict' }],
    })
    expect((await createApplier(client, 'us').apply(configMaps, body)).data).toEqual({ a: 'ours' })
  })

  test('writes the status alone', async () => {
    await client.create(pods, podCalled('status'))
    const desired = { ...podCalled('status'), spec: undefined, status: { message: 'seen' } }
    const applied = await createApplier(client, 'us').applyStatus(pods, desired)
    expect(applied['status']).toMatchObject({ message: 'seen' })
    expect(applied['spec']).toMatchObject({ containers: [{ name: 'main' }] })
  })

  test('accepts an object as it was read, managed fields and all', async () => {
    const read = await client.create(configMaps, fresh('read-back', { a: '1' }))
    const { resourceVersion: _, ...metadata } = read.metadata
    expect((await createApplier(client, 'us').apply(configMaps, { ...read, metadata })).data).toEqual({ a: '1' })
  })
})

describe('a finalizer', () => {
  const finalizer = 'chaperone.dev/flush'

  test('holds an object until it is removed', async () => {
    const created = await client.create(configMaps, fresh('finalized'))
    const held = await addFinalizer(client, configMaps, created, { finalizer })
    expect(held.metadata.finalizers).toEqual([finalizer])
    expect(await addFinalizer(client, configMaps, held, { finalizer })).toBe(held)
    await client.delete(configMaps, named('finalized'))
    const deleting = await client.get(configMaps, named('finalized'))
    expect(deleting.metadata.deletionTimestamp).toBeDefined()
    await removeFinalizer(client, configMaps, deleting, { finalizer })
    await expect(client.get(configMaps, named('finalized'))).rejects.toMatchObject({ code: 'ERR_KUBE_NOT_FOUND' })
  })

  test('is not changed on the ground of a stale read', async () => {
    const stale = await client.create(configMaps, fresh('stale-finalizer'))
    await addFinalizer(client, configMaps, stale, { finalizer: 'other.dev/x' })
    const held = await client.get(configMaps, named('stale-finalizer'))
    await addFinalizer(client, configMaps, held, { finalizer })
    await expect(removeFinalizer(client, configMaps, held, { finalizer: 'other.dev/x' })).rejects.toMatchObject({
      code: 'ERR_KUBE_INVALID',
    })
  })
})

describe('reviews', () => {
  test('whoami tells the certificate’s user and groups', async () => {
    const someone = connect(await apiserver.kubeconfigForUser('jane+doe/x', ['auditors', 'team/a']))
    const { groups = [], username } = await whoAmI(someone)
    expect(username).toBe('jane+doe/x')
    expect(groups).toEqual(expect.arrayContaining(['auditors', 'team/a']))
  })

  test('a kubeconfig makes us whom it says to act as: the user, the uid, the groups and everything else', async () => {
    const acting = async (user: object): Promise<KubeClient> => {
      const config = JSON.parse(await readFile(apiserver.kubeconfigPath, 'utf8')) as { users: { user: object }[] }
      Object.assign(config.users[0]!.user, user)
      const path = `${apiserver.kubeconfigPath}.acting`
      await writeFile(path, JSON.stringify(config))
      return connect(path)
    }
    const groups = ['team a', 'auditors']
    const extra = { scopes: ['read', 'write'], 'example.com/reason': ['on call'] }
    const jane = await acting({ as: 'jane', 'as-uid': 'u-7', 'as-groups': groups, 'as-user-extra': extra })
    expect(await whoAmI(jane)).toEqual({
      username: 'jane',
      uid: 'u-7',
      groups: [...groups, 'system:authenticated'],
      extra,
    })
    expect((await whoAmI(await acting({ as: 'jane' }))).groups).toEqual(['system:authenticated'])
    await expect(acting({ 'as-groups': groups })).rejects.toThrow(
      'kubeconfig: as-uid, as-groups and as-user-extra need as',
    )
  })

  test('a pod-bound token is vouched for, for its audience alone', async () => {
    await client.create(pods, podCalled('bound'))
    const pod = await client.get(pods, named('bound'))
    const { name = '', uid = '' } = pod.metadata
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: named('default'),
      spec: {
        audiences: ['chaperone'],
        expirationSeconds: 600,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const { status } = (await client.create(serviceAccounts, request, { subresource: 'token' })) as KubeObject & {
      status?: { token: string }
    }
    const token = status?.token ?? ''
    const review = await reviewToken(client, token, ['chaperone'])
    expect(review).toMatchObject({
      authenticated: true,
      audiences: ['chaperone'],
      user: {
        username: 'system:serviceaccount:default:default',
        extra: { 'authentication.kubernetes.io/pod-name': ['bound'], 'authentication.kubernetes.io/pod-uid': [uid] },
      },
    })
    expect((await reviewToken(client, token, ['other'])).authenticated).not.toBe(true)
    expect((await reviewToken(client, `${token}x`, ['chaperone'])).authenticated).not.toBe(true)
  })

  test('access is reviewed for others and for ourselves', async () => {
    const verb = { verb: 'get', resource: 'secrets', namespace: 'default' }
    expect(await reviewAccess(client, { username: 'root', groups: ['system:masters'] }, verb)).toMatchObject({
      allowed: true,
    })
    expect(await reviewAccess(client, { username: 'jane' }, verb)).toMatchObject({ allowed: false })
    expect((await reviewOwnAccess(client, verb)).allowed).toBe(true)
    const stranger = connect(await apiserver.kubeconfigForUser('stranger'))
    expect((await reviewOwnAccess(stranger, verb)).allowed).toBe(false)
  })
})

describe('the server', () => {
  test('tells its version', async () => {
    expect(await serverVersion(client)).toMatchObject({
      major: 1,
      gitVersion: expect.stringMatching(/^v1\./) as unknown,
    })
  })

  test('judges with admission policies', async () => {
    const admission = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false } as const
    const kind = 'ValidatingAdmissionPolicy'
    const policies: Resource = { ...admission, plural: 'validatingadmissionpolicies', kind }
    const bindings: Resource = { ...admission, plural: 'validatingadmissionpolicybindings', kind: `${kind}Binding` }
    const meta = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'no-forbidden-maps' } }
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }
    await client.create(policies, {
      ...meta,
      kind,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules: [rule] },
        validations: [{ expression: "object.metadata.name != 'forbidden'", message: 'forbidden by policy' }],
      },
    })
    const spec = { policyName: 'no-forbidden-maps', validationActions: ['Deny'] }
    await client.create(bindings, { ...meta, kind: `${kind}Binding`, spec })
    let refusal: unknown
    // The policy takes effect when the server has seen it, of which it says nothing.
    while (refusal === undefined)
      refusal = await client.create(configMaps, fresh('forbidden'), { dryRun: true }).then(
        () => undefined,
        (error: unknown) => error,
      )
    expect(refusal).toMatchObject({
      code: 'ERR_KUBE_INVALID',
      message: expect.stringContaining('forbidden by policy') as unknown,
    })
  })

  test('is reached again after a restart', async () => {
    const before = await client.get(namespaces, { name: 'default' })
    await apiserver.restart()
    expect(await client.get(namespaces, { name: 'default' })).toEqual(before)
  }, 180_000)
})

function podCalled(name: string): UnstructuredObject {
  const spec = { containers: [{ name: 'main', image: 'main' }] }
  return { apiVersion: 'v1', kind: 'Pod', metadata: named(name), spec }
}

function revisionCalled(name: string): UnstructuredObject {
  return { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata: named(name), revision: 1, data: {} }
}
