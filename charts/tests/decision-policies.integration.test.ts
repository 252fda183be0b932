// Who may create, decide and report, on a real API server with the chart's roles and policies and no webhook.
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { startKubeApiserver, type KubeAnswer, type KubeApiserver } from '@chaperone/testkit'
import { installPolicies } from './admission-policies.ts'
import { release, renderChart } from './rendered-chart.ts'

jest.setTimeout(180_000)

const operator = serviceAccount(release.namespace, 'chaperone-operator')
const agent = serviceAccount('agents', 'devin')
const sessions = '/apis/chaperone.dev/v1alpha1/namespaces/agents/agentsessions'
const requests = '/apis/chaperone.dev/v1alpha1/namespaces/agents/approvalrequests'
const crds = new URL('../../crds/', import.meta.url).pathname
let server: KubeApiserver

interface User {
  readonly user: string
  readonly groups: readonly string[]
}

function serviceAccount(namespace: string, name: string): User {
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  }
}

const person = (user: string): User => ({ user, groups: ['system:authenticated'] })
const clusterAdmin: User = { user: 'root', groups: ['system:masters', 'system:authenticated'] }

beforeAll(async () => {
  server = await startKubeApiserver({
    crds: ['agentsessions', 'approvalrequests', 'egresspolicies'].map(
      (plural) => `${crds}chaperone.dev_${plural}.yaml`,
    ),
  })
  await server.createNamespace('agents')
  const rbac = '/apis/rbac.authorization.k8s.io/v1'
  for (const object of renderChart()) {
    if (object.kind === 'ClusterRole') await server.request('POST', `${rbac}/clusterroles`, object)
    if (object.kind === 'ClusterRoleBinding') await server.request('POST', `${rbac}/clusterrolebindings`, object)
  }
  const bind = (name: string, role: string, subjects: readonly User[]) =>
    server.request('POST', `${rbac}/namespaces/agents/rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: subjects.map(({ user }) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user })),
    })
  await bind('reviewers', 'chaperone-reviewer', [person('ada'), person('bob'), agent, operator])
  await server.request('POST', `${rbac}/clusterroles`, {
    metadata: { name: 'patch-requests' },
    rules: [{ apiGroups: ['chaperone.dev'], resources: ['approvalrequests'], verbs: ['get', 'patch'] }],
  })
  await bind('clerks', 'patch-requests', [person('carol')])
  await server.request('POST', sessions, session)
  await installPolicies(server)
  await server.request('POST', '/apis/chaperone.dev/v1alpha1/namespaces/agents/egresspolicies', {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name: 'read' },
    spec: { rules: [] },
  })
  // In force once somebody other than the operator is refused.
  while ((await create('early', clusterAdmin)).status < 300) await new Promise((resolve) => setTimeout(resolve, 50))
  const { status, message } = await create('refund', operator, '')
  expect({ status, message }).toMatchObject({ status: 201 })
})

afterAll(() => server.stop())

const session = {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'devin' },
  spec: { agent: { name: 'devin', owner: 'ada' }, serviceAccounts: ['devin'] },
}

const approvalRequest = (name: string, more: object = {}) => ({
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'ApprovalRequest',
  metadata: { name },
  spec: {
    sessionRef: { name: 'devin', uid: 'u' },
    podRef: { name: 'p', uid: 'p' },
    agent: { name: 'devin', owner: 'ada', serviceAccount: agent.user },
    rule: 'refunds',
    action: { protocol: 'HTTP', summary: 'POST https://api.example/refunds', digest: '0'.repeat(64) },
    grant: 'Once',
    expiresAt: '2099-01-01T00:00:00Z',
    ...more,
  },
})

function create(name: string, as: User, query = '?dryRun=All', more: object = {}): Promise<KubeAnswer> {
  return server.attempt({ method: 'POST', path: `${requests}${query}`, body: approvalRequest(name, more), as })
}

function patch(path: string, body: object, as: User): Promise<KubeAnswer> {
  return server.attempt({
    method: 'PATCH',
    path: `${path}?dryRun=All`,
    body,
    contentType: 'application/merge-patch+json',
    as,
  })
}

const decide = (as: User, by = as.user) =>
  patch(`${requests}/refund`, { spec: { decision: { verdict: 'Approved', by } } }, as)
const report = async (as: User): Promise<KubeAnswer> => {
  const request = (await server.request('GET', `${requests}/refund`)) as object
  const body = { ...request, status: { observedGeneration: 1 } }
  return server.attempt({ method: 'PUT', path: `${requests}/refund/status?dryRun=All`, body, as })
}

test.each<[string, () => Promise<KubeAnswer>, string]>([
  ['a cluster administrator who makes a request', () => create('forged', clusterAdmin), 'only the operator creates'],
  ['a cluster administrator who writes its status', () => report(clusterAdmin), 'only the operator creates'],
  [
    'the operator with a decision it brings along',
    () => create('decided', operator, '?dryRun=All', { decision: { verdict: 'Approved', by: operator.user } }),
    'spec.decision must not be set',
  ],
  ['a reviewer in the name of another', () => decide(person('bob'), 'eve'), 'spec.decision.by must be the caller'],
  ['the owner of the session', () => decide(person('ada')), 'the owner of the session cannot decide'],
  ['the agent', () => decide(agent), 'the agent and the operator cannot decide'],
  ['the operator', () => decide(operator), 'the agent and the operator cannot decide'],
  ['somebody who may patch but not approve', () => decide(person('carol')), 'carol lacks the verb approve'],
  [
    'a reviewer who changes what was asked',
    () => patch(`${requests}/refund`, { spec: { action: { digest: '1'.repeat(64) } } }, person('bob')),
    'only decision may be set',
  ],
  [
    'a cluster administrator who writes the status of a session',
    () => patch(`${sessions}/devin/status`, { status: { pods: [] } }, clusterAdmin),
    'only the operator writes the status',
  ],
  [
    'a cluster administrator who writes the status of a policy',
    () =>
      patch(
        '/apis/chaperone.dev/v1alpha1/namespaces/agents/egresspolicies/read/status',
        { status: { conditions: [] } },
        clusterAdmin,
      ),
    'only the operator writes the status',
  ],
  [
    'a new owner for a session',
    () => patch(`${sessions}/devin`, { spec: { agent: { owner: 'mallory' } } }, clusterAdmin),
    'spec.agent, the name and the owner of the agent, is immutable',
  ],
])('%s is refused', async (_, attempt, words) => {
  const { status, message } = await attempt()
  expect({ refused: status >= 400, message }).toEqual({ refused: true, message: expect.stringContaining(words) })
})

test.each<[string, () => Promise<KubeAnswer>]>([
  ['a reviewer decides', () => decide(person('bob'))],
  ['the operator reports', () => report(operator)],
  ['the operator reports about a session', () => patch(`${sessions}/devin/status`, { status: { pods: [] } }, operator)],
  ['an editor suspends a session', () => patch(`${sessions}/devin`, { spec: { suspended: true } }, clusterAdmin)],
])('%s', async (_, attempt) => {
  const { status, message } = await attempt()
  expect({ accepted: status < 300, message }).toEqual({ accepted: true, message: expect.anything() })
})

test('a decision is made once', async () => {
  const path = `${requests}/refund`
  const merge = 'application/merge-patch+json'
  const send = (verdict: string) =>
    server.attempt({
      method: 'PATCH',
      path,
      body: { spec: { decision: { verdict, by: 'bob' } } },
      contentType: merge,
      as: person('bob'),
    })
  expect((await send('Denied')).status).toBe(200)
  expect(await send('Approved')).toMatchObject({ status: 422, message: expect.stringContaining('set once') })
})
