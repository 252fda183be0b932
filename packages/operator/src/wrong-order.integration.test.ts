// Objects that are changed, deleted and made anew in the wrong order: a running pod only ever loses by it.
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { ControlEvent } from '@chaperone/api'
import { startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import { ask, podToken, podYaml, sessionYaml } from '../test/agents.ts'
import { kubectl } from '../test/chart.ts'
import { createControlClient, type ControlClient, type EventReader } from '../test/control-client.ts'
import { installChart, startOperator, webhookFlags, type RunningOperator } from '../test/running-operator.ts'
import type { Pod } from './inject/pod.ts'

// Every step is a program of its own, on a machine that may be busy.
jest.setTimeout(120_000)

let apiserver: KubeApiserver
let operator: RunningOperator
/** Kubeconfig of somebody who may decide; whoever makes a session owns it. */
let reviewer: string
const crds = ['agentsessions', 'approvalrequests', 'clusteregresspolicies', 'egresspolicies'].map(
  (name) => new URL(`../../../crds/chaperone.dev_${name}.yaml`, import.meta.url).pathname,
)

const admin = (...args: readonly string[]) => kubectl(apiserver.kubeconfigPath, ['-n', 'agents', ...args])
const create = (yaml: string) => kubectl(apiserver.kubeconfigPath, ['create', '-f', '-'], yaml)
const patch = (kind: string, name: string, change: object, kubeconfig = apiserver.kubeconfigPath) =>
  kubectl(kubeconfig, ['-n', 'agents', 'patch', kind, name, '--type=merge', '-p', JSON.stringify(change)])
const approve = (name: string) =>
  patch('approvalrequest', name, { spec: { decision: { verdict: 'Approved' } } }, reviewer)
const open = '  egress: {default: Allow}'

interface Sidecar {
  readonly client: ControlClient
  readonly events: EventReader
}

/** A pod that runs under a session of its own, and its sidecar, which has heard the policy. */
async function sidecarOf(name: string, spec = ''): Promise<Sidecar> {
  await create(sessionYaml(name))
  await createPod(name, name, spec)
  return listen(name)
}

/** Until the replica has seen the session that was just made, the pod is refused or passes by. */
async function createPod(name: string, app: string, spec = ''): Promise<void> {
  await admin(
    'wait',
    `agentsession/${app}`,
    '--for=jsonpath={.status.conditions[?(@.type=="Ready")].status}',
    '--timeout=60s',
  )
  await create(podYaml(name, app, spec))
}

async function listen(name: string): Promise<Sidecar> {
  const pod = (await apiserver.request('GET', `/api/v1/namespaces/agents/pods/${name}`)) as Pod
  const client = await createControlClient(apiserver, operator, await podToken(apiserver, pod))
  return { client, events: await client.events() }
}

const policyOf = ({ events }: Sidecar) => events.next(({ type }) => type === 'policy')
const unboundOf = async ({ events }: Sidecar) =>
  ((await events.next(({ type }) => type === 'unbound')) as ControlEvent & { type: 'unbound' }).message

beforeAll(async () => {
  apiserver = await startKubeApiserver({ crds, flags: webhookFlags })
  await installChart(apiserver)
  await apiserver.createNamespace('agents')
  await kubectl(apiserver.kubeconfigPath, ['label', 'namespace', 'agents', 'chaperone.dev/injection=enabled'])
  await admin('create', 'rolebinding', 'reviewers', '--clusterrole=chaperone-reviewer', '--user=bob')
  reviewer = await apiserver.kubeconfigForUser('bob')
  operator = await startOperator(apiserver, 'one')
  await operator.ready()
}, 240_000)

afterAll(async () => {
  operator.program.kill('SIGKILL')
  await apiserver.stop()
})

test('a session that is made anew under the old name, and allows more, does not get the running pod', async () => {
  const sidecar = await sidecarOf('anew')
  await policyOf(sidecar)
  await admin('delete', 'agentsession', 'anew')
  expect(await unboundOf(sidecar)).toBe('AgentSession "anew" was deleted')
  await create(sessionYaml('anew', open))
  expect(await unboundOf(sidecar)).toBe('AgentSession "anew" was made anew; start the pod again')
  // Nor when its sidecar starts again, or asks a replica that never knew the old session.
  expect(await unboundOf(await listen('anew'))).toContain('was made anew')
  expect((await sidecar.client.call('/v1/approvals', ask('a'))).status).toBe(410)
})

test('an approval of the old session is worth nothing under the new one', async () => {
  const sidecar = await sidecarOf('approved')
  const { text } = await sidecar.client.call('/v1/approvals', ask('b'))
  const { name } = JSON.parse(text) as { name: string }
  await approve(name)
  await admin('delete', 'agentsession', 'approved')
  await create(sessionYaml('approved', open))
  expect(await unboundOf(sidecar)).toContain('was deleted')
  expect((await sidecar.client.call(`/v1/approvals/${name}/consume`, {})).status).toBe(410)
})

test('an approval that is deleted before it is used was revoked: the act is asked anew', async () => {
  const { client, events } = await sidecarOf('revoked')
  const { name } = JSON.parse((await client.call('/v1/approvals', ask('c'))).text) as { name: string }
  await approve(name)
  await events.next((event) => event.type === 'approval' && event.approval.outcome === 'Approved')
  await admin('delete', 'approvalrequest', name)
  await events.next((event) => event.type === 'approval' && event.approval.outcome === 'Cancelled')
  expect((await client.call(`/v1/approvals/${name}/consume`, {})).status).toBe(404)
  expect(JSON.parse((await client.call('/v1/approvals', ask('c'))).text)).toMatchObject({ outcome: 'Pending' })
})

test('a pod whose service account is taken off the list of its session has no policy, until it is back on it', async () => {
  const sidecar = await sidecarOf('accounts')
  await policyOf(sidecar)
  await patch('agentsession', 'accounts', { spec: { serviceAccounts: ['other'] } })
  expect(await unboundOf(sidecar)).toBe('AgentSession "accounts" no longer lists "default" in spec.serviceAccounts')
  expect((await sidecar.client.call('/v1/approvals', ask('d'))).status).toBe(410)
  await patch('agentsession', 'accounts', { spec: { serviceAccounts: ['default'] } })
  await policyOf(sidecar)
})

test('a selector that lets go of a running pod, and another session that takes it, leave it where it was bound', async () => {
  const sidecar = await sidecarOf('kept')
  await policyOf(sidecar)
  await patch('agentsession', 'kept', { spec: { selector: { matchLabels: { app: 'nothing' } } } })
  await create(sessionYaml('taker', open).replace('{app: taker}', '{app: kept}'))
  await patch('agentsession', 'kept', { spec: { suspended: true } })
  expect(await policyOf(await listen('kept'))).toMatchObject({
    policy: { session: { name: 'kept' }, suspended: true, default: 'Deny' },
  })
  await expect(patch('pod', 'kept', { metadata: { labels: { 'chaperone.dev/session': 'taker' } } })).rejects.toThrow(
    'labels under chaperone.dev/ are immutable',
  )
})

test('with the label of its namespace away, nothing of a running pod can be changed that was not before', async () => {
  await sidecarOf('unlabelled')
  await admin('label', 'namespace', 'agents', 'chaperone.dev/injection-')
  const pod = (await apiserver.request('GET', '/api/v1/namespaces/agents/pods/unlabelled')) as Pod
  const initContainers = pod.spec.initContainers?.map((container) => ({ ...container, image: 'evil:1' }))
  await expect(patch('pod', 'unlabelled', { spec: { initContainers } })).rejects.toThrow('images of sidecar')
  await expect(
    create(podYaml('claims', 'unlabelled').replace('{app: unlabelled}', '{chaperone.dev/session: unlabelled}')),
  ).rejects.toThrow('kubectl label namespace agents chaperone.dev/injection=enabled')
  await admin('label', 'namespace', 'agents', 'chaperone.dev/injection=enabled')
})

test('with the definition of sessions deleted, and installed again, running pods have no policy and new ones are refused', async () => {
  const sidecar = await sidecarOf('undefined')
  await policyOf(sidecar)
  await admin('delete', 'crd', 'agentsessions.chaperone.dev')
  expect(await unboundOf(sidecar)).toContain('was deleted')
  await kubectl(apiserver.kubeconfigPath, [
    'label',
    'namespace',
    'agents',
    'chaperone.dev/injection=required',
    '--overwrite',
  ])
  await expect(create(podYaml('homeless', 'undefined'))).rejects.toThrow('ERR_KUBE_NOT_FOUND')
  await admin('create', '-f', crds[0] ?? '')
  await admin('wait', 'crd/agentsessions.chaperone.dev', '--for=condition=Established', '--timeout=60s')
  await create(sessionYaml('undefined', open))
  expect(await unboundOf(sidecar)).toContain('was made anew')
  await createPod('again', 'undefined')
  await policyOf(await listen('again'))
})
