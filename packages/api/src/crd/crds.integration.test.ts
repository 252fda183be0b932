import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { clusterProgram, startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import { agentSession } from '../kinds/agent-session.ts'
import { parseResource } from './parse-resource.ts'

const group = '/apis/chaperone.dev/v1alpha1'
const names = ['agentsessions', 'approvalrequests', 'clusteregresspolicies', 'egresspolicies']
let apiserver: KubeApiserver

beforeAll(async () => {
  const crds = names.map((name) => new URL(`../../../../crds/chaperone.dev_${name}.yaml`, import.meta.url).pathname)
  apiserver = await startKubeApiserver({ crds })
}, 180_000)
afterAll(() => apiserver.stop())

const at = (plural: string, name = '') => `${group}/namespaces/default/${plural}${name === '' ? '' : `/${name}`}`
const session = (name: string, rule: object = {}) => ({
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name, namespace: 'default' },
  spec: {
    agent: { name: 'devin', owner: 'ada' },
    egress: { rules: [{ name: 'r', to: { hosts: ['api.test'] }, action: 'Allow', ...rule }] },
  },
})
const request = (name: string) => ({
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'ApprovalRequest',
  metadata: { name, namespace: 'default' },
  spec: {
    sessionRef: { name: 'devin', uid: 'u' },
    podRef: { name: 'agent', uid: 'u' },
    agent: { name: 'devin', owner: 'ada', serviceAccount: 'system:serviceaccount:default:default' },
    rule: 'AgentSession/devin#refunds',
    action: { protocol: 'HTTP', summary: 'POST https://api.test/refunds', digest: 'a'.repeat(64) },
    grant: 'Once',
    expiresAt: '2099-01-01T00:00:00Z',
  },
})
const patch = (name: string, spec: object) =>
  apiserver.request('PATCH', at('approvalrequests', name), { spec }, 'application/merge-patch+json')

describe('a rule that contradicts itself is refused by the API server as the laptop refuses it', () => {
  test.each<[string, object]>([
    ['match.http', { to: { hosts: ['a'], protocol: 'Postgres' }, match: { http: { methods: ['GET'] } } }],
    ['match.sql', { match: { sql: { verbs: ['Select'] } } }],
    ['approval', { approval: { hold: '5s' } }],
    ['credential.as', { credential: { secretRef: { name: 's' }, as: 'PostgresPassword' } }],
    ['credential.header', { credential: { secretRef: { name: 's' }, as: 'Header' } }],
  ])('%s', async (field, rule) => {
    const object = session('wrong', rule)
    const parsed = parseResource(agentSession, object)
    const [problem] = parsed.ok ? [] : parsed.problems
    expect(problem?.field).toBe(`spec.egress.rules[0].${field}`)
    const refused = apiserver.request('POST', at('agentsessions'), object)
    await expect(refused).rejects.toThrow(`spec.egress.rules[0].${field}: `)
    await expect(refused).rejects.toThrow(problem?.message)
  })
})

test('the API server fills in what the laptop fills in', async () => {
  const object = session('defaults')
  const parsed = parseResource<{ spec: object }>(agentSession, object)
  expect(await apiserver.request('POST', at('agentsessions'), object)).toMatchObject({
    spec: parsed.ok ? parsed.resource.spec : {},
  })
})

describe('a decision', () => {
  test('is the one thing of a request that can be set, and is never changed or taken back', async () => {
    await apiserver.request('POST', at('approvalrequests'), request('once'))
    for (const change of [
      { rule: 'another' },
      { grant: 'Session' },
      { expiresAt: '2099-02-02T00:00:00Z' },
      { reason: 'r' },
    ])
      await expect(patch('once', change)).rejects.toThrow('only decision may be set; everything else is immutable')
    await patch('once', { decision: { verdict: 'Denied', reason: 'no' } })
    for (const decision of [{ verdict: 'Approved' }, { by: 'somebody' }, null])
      await expect(patch('once', { decision })).rejects.toThrow('decision is set once and never changed')
  })

  test('is not decided by a write of the status, nor a status by a write of the rest', async () => {
    const created = (await apiserver.request('POST', at('approvalrequests'), request('apart'))) as object
    await apiserver.request('PUT', `${at('approvalrequests', 'apart')}/status`, {
      ...created,
      spec: { ...request('apart').spec, decision: { verdict: 'Approved' } },
      status: { observedGeneration: 1 },
    })
    const read = (await apiserver.request('GET', at('approvalrequests', 'apart'))) as { spec: object; status: object }
    expect(read.spec).not.toHaveProperty('decision')
    expect(read.status).toEqual({ observedGeneration: 1 })
  })
})

describe('kubectl', () => {
  const kubectl = async (...args: string[]) =>
    (await promisify(execFile)(clusterProgram('kubectl'), ['--kubeconfig', apiserver.kubeconfigPath, ...args])).stdout
  const headings = async (...args: string[]) => (await kubectl('get', ...args)).split('\n')[0]?.trim().split(/\s+/)

  test('shows of each kind what a person looks for, by short name and category, and more with -o wide', async () => {
    await apiserver.request('POST', at('agentsessions'), session('columns'))
    await apiserver.request('POST', at('approvalrequests'), request('columns'))
    const ses = ['NAME', 'OWNER', 'READY', 'PODS', 'REQUESTS', 'DENIED', 'PENDING', 'MASKED', 'AGE']
    expect(await headings('agses', 'columns')).toEqual(ses)
    expect(await headings('agses', 'columns', '-o', 'wide')).toEqual([
      ...ses,
      'REASON',
      'CONTAINED',
      'DELIVERED',
      'DEFAULT',
      'SUSPENDED',
    ])
    const appr = ['NAME', 'AGENT', 'ACTION', 'STATE', 'BY', 'AGE']
    expect(await headings('appr', 'columns')).toEqual(appr)
    expect(await headings('appr', 'columns', '-o', 'wide')).toEqual([
      ...appr,
      'OWNER',
      'RULE',
      'SESSION',
      'EXPIRES',
      'USED',
    ])
    expect(await kubectl('get', 'chaperone', '-o', 'name')).toContain('agentsession.chaperone.dev/columns')
  })

  test('explains every field of a session', async () => {
    expect(await kubectl('explain', 'agentsession.spec.egress.rules.action')).toMatch(/ENUM:[^]*Approve/)
  })
})
