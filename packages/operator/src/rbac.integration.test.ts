import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '@chaperone/core'
import { createKubeClient, reviewAccess, type KubeClient, type KubeObject, type Resource } from '@chaperone/kube'
import { startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import { applyYaml, kubectl, renderChart, systemNamespace } from '../test/chart.ts'

interface User {
  readonly username: string
  readonly groups: readonly string[]
}
const account = (namespace: string, name: string): User => ({
  username: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
})
const person = (username: string): User => ({ username, groups: ['system:authenticated'] })

const operator = account(systemNamespace, 'chaperone-operator')
const sidecar = account('agents', 'default')
const [stranger, reviewer, viewer, editor, admin] = ['stranger', 'rita', 'vera', 'ed', 'ada'].map(person) as [
  User,
  User,
  User,
  User,
  User,
]

let apiserver: KubeApiserver
let client: KubeClient
const clients: KubeClient[] = []

/** Grants a ClusterRole in the namespace `agents`, as a platform team does. */
const grant = (user: User, role: string) =>
  kubectl(apiserver.kubeconfigPath, [
    'create',
    'rolebinding',
    `${user.username}-${role.replaceAll(':', '-')}`,
    '-n',
    'agents',
    `--clusterrole=${role}`,
    `--user=${user.username}`,
  ])

beforeAll(async () => {
  apiserver = await startKubeApiserver()
  for (const namespace of [systemNamespace, 'agents', 'elsewhere']) await apiserver.createNamespace(namespace)
  await applyYaml(apiserver, await renderChart('rbac'))
  await grant(reviewer, 'chaperone-reviewer')
  // What the controller manager would aggregate into view, edit and admin.
  for (const [user, ...roles] of [
    [viewer, 'view'],
    [editor, 'view', 'edit'],
    [admin, 'view', 'edit', 'admin'],
  ] as const)
    for (const role of roles) await grant(user, `system:aggregate-to-${role}`)
  for (const user of [viewer, editor, admin]) await grant(user, 'chaperone-view')
  await grant(admin, 'chaperone-admin')
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

interface Rule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
}
interface RulesReview extends KubeObject {
  readonly spec?: { readonly namespace: string }
  readonly status?: { readonly incomplete: boolean; readonly resourceRules: readonly Rule[] }
}
const rulesReviews: Resource<RulesReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'selfsubjectrulesreviews',
  kind: 'SelfSubjectRulesReview',
  namespaced: false,
}

/** What the API server says that a user may do in a namespace, `resource[.group][/name]: verbs`, sorted. */
async function allowed(user: User, namespace: string): Promise<string[]> {
  const own = connect(await apiserver.kubeconfigForUser(user.username, user.groups))
  const { status } = await own.create(rulesReviews, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    metadata: {},
    spec: { namespace },
  })
  const verbs = new Map<string, Set<string>>()
  for (const rule of status?.resourceRules ?? [])
    for (const group of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? [])
        for (const name of rule.resourceNames ?? ['']) {
          const [plural = '', ...sub] = resource.split('/')
          const what = `${[group === '' ? plural : `${plural}.${group}`, ...sub].join('/')}${name === '' ? '' : `/${name}`}`
          verbs.set(what, new Set([...(verbs.get(what) ?? []), ...rule.verbs]))
        }
  return [...verbs].map(([what, of]) => `${what}: ${[...of].sort().join(' ')}`).sort()
}

/** Beyond what everybody may. */
async function granted(user: User, namespace: string): Promise<string[]> {
  const everybody = await allowed(stranger, namespace)
  return (await allowed(user, namespace)).filter((each) => !everybody.includes(each))
}

const everywhere = [
  'agentsessions.chaperone.dev/status: patch update',
  'agentsessions.chaperone.dev: list watch',
  'approvalrequests.chaperone.dev/status: update',
  'approvalrequests.chaperone.dev: create get list watch',
  'clusteregresspolicies.chaperone.dev: list watch',
  'egresspolicies.chaperone.dev: list watch',
  'events.events.k8s.io: create patch',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io/chaperone: get patch',
  'namespaces: get',
  'networkpolicies.networking.k8s.io: create list patch watch',
  'pods: get list watch',
  'tokenreviews.authentication.k8s.io: create',
]

describe('the operator may do what it does and nothing else', () => {
  test('in the namespaces of agents', async () => {
    expect(await granted(operator, 'agents')).toEqual(everywhere)
  })

  test('in its own namespace, where it also keeps its lease and its certificates', async () => {
    const elsewhere = await granted(operator, 'agents')
    expect((await granted(operator, systemNamespace)).filter((each) => !elsewhere.includes(each))).toEqual([
      'leases.coordination.k8s.io/chaperone-operator: get update',
      'leases.coordination.k8s.io: create',
      'secrets/chaperone-certs: get list update watch',
      'secrets: create',
    ])
  })
})

test('the account that an agent and its sidecar run under may do nothing', async () => {
  expect(await granted(sidecar, 'agents')).toEqual([])
  expect(await granted(sidecar, systemNamespace)).toEqual([])
})

test('a reviewer may read and decide where the role is bound, and nothing anywhere else', async () => {
  expect(await granted(reviewer, 'agents')).toEqual([
    'agentsessions.chaperone.dev: approve get list watch',
    'approvalrequests.chaperone.dev: get list patch update watch',
  ])
  expect(await granted(reviewer, 'elsewhere')).toEqual([])
})

const can = async (
  user: User,
  verb: string,
  what: string,
  where: { namespace?: string; name?: string } = { namespace: 'agents' },
) => {
  const [resource = '', subresource] = what.split('/')
  const [plural = '', ...group] = resource.split('.')
  const attributes = {
    verb,
    resource: plural,
    group: group.join('.'),
    ...(subresource === undefined ? {} : { subresource }),
    ...where,
  }
  return (await reviewAccess(client, { username: user.username, groups: user.groups }, attributes)).allowed
}

describe('Secrets', () => {
  test('can be read across the cluster by nobody of ours, nor any but its own by the operator', async () => {
    for (const user of [operator, sidecar, reviewer, viewer, editor, admin])
      for (const verb of ['get', 'list', 'watch'])
        expect([user.username, verb, await can(user, verb, 'secrets', {})]).toEqual([user.username, verb, false])
    for (const namespace of ['agents', systemNamespace])
      for (const verb of ['get', 'list', 'watch', 'update', 'patch', 'delete'])
        expect([namespace, verb, await can(operator, verb, 'secrets', { namespace, name: 'orders-db' })]).toEqual([
          namespace,
          verb,
          false,
        ])
    expect(await can(operator, 'get', 'secrets', { namespace: 'agents', name: 'chaperone-certs' })).toBe(false)
    expect(await can(operator, 'get', 'secrets', { namespace: systemNamespace, name: 'chaperone-certs' })).toBe(true)
  })

  test('are in no role of the chart that counts for the whole cluster, and no role of it holds a wildcard', async () => {
    const roles = (await renderChart('rbac')).split(/^---$/m)
    expect(roles.filter((role) => /^kind: ClusterRole$/m.test(role))).not.toEqual([])
    for (const role of roles) {
      if (/^kind: ClusterRole$/m.test(role)) expect(role).not.toContain('secrets')
      expect(role).not.toMatch(/[["']\*[\]"']/)
    }
  })
})

describe('ordinary users', () => {
  test.each([
    ['patch', 'approvalrequests.chaperone.dev'],
    ['update', 'approvalrequests.chaperone.dev'],
    ['create', 'approvalrequests.chaperone.dev'],
    ['delete', 'approvalrequests.chaperone.dev'],
    ['deletecollection', 'approvalrequests.chaperone.dev'],
    ['patch', 'approvalrequests.chaperone.dev/status'],
    ['update', 'approvalrequests.chaperone.dev/status'],
    ['patch', 'agentsessions.chaperone.dev/status'],
    ['update', 'agentsessions.chaperone.dev/status'],
    ['approve', 'agentsessions.chaperone.dev'],
  ])('even the admin of a namespace cannot %s %s', async (verb, what) => {
    for (const user of [stranger, viewer, editor, admin])
      expect([user.username, await can(user, verb, what)]).toEqual([user.username, false])
  })

  test('who may view a namespace see its sessions, policies and requests; only its admin writes sessions and policies', async () => {
    for (const what of ['agentsessions.chaperone.dev', 'egresspolicies.chaperone.dev']) {
      expect(await Promise.all([stranger, viewer, editor, admin].map((user) => can(user, 'list', what)))).toEqual([
        false,
        true,
        true,
        true,
      ])
      expect(await Promise.all([stranger, viewer, editor, admin].map((user) => can(user, 'create', what)))).toEqual([
        false,
        false,
        false,
        true,
      ])
    }
    expect(await can(viewer, 'list', 'approvalrequests.chaperone.dev')).toBe(true)
    expect(await can(admin, 'create', 'clusteregresspolicies.chaperone.dev', {})).toBe(false)
  })

  test('cannot grant themselves what they lack: the API server refuses a binding to the role of reviewers', async () => {
    const kubeconfig = await apiserver.kubeconfigForUser(admin.username, ['system:authenticated'])
    await expect(
      kubectl(kubeconfig, [
        'create',
        'rolebinding',
        'self',
        '-n',
        'agents',
        '--clusterrole=chaperone-reviewer',
        `--user=${admin.username}`,
      ]),
    ).rejects.toThrow(/attempting to grant RBAC permissions not currently held[^]*approve/)
  })
})
