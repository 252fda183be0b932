// Every kind of workload that makes pods of agents: works, or says early, or else on its owner, why not.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually } from '../harness/command.ts'
import { container, injector, kinds, template, workload, type Kind } from './objects.ts'

jest.setTimeout(240_000)

const namespace = `workloads-${process.pid}`
const required = `workloads-required-${process.pid}`
const meshed = `workloads-meshed-${process.pid}`
const kubectl: Kubectl = createKubectl()

const session = (name: string, where: string) => ({
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name, namespace: where },
  spec: { agent: { name, owner: 'ada' }, ...(name === 'devin' ? { selector: { matchLabels: { app: 'devin' } } } : {}) },
})

beforeAll(async () => {
  await installChaperone()
  await createAgentNamespace(kubectl, namespace, { objects: [session('devin', namespace)] })
  await createAgentNamespace(kubectl, required, { injection: 'required', objects: [session('devin', required)] })
  await createAgentNamespace(kubectl, meshed, { objects: [session('devin', meshed)] })
  for (const where of [namespace, required, meshed])
    await kubectl('wait', '-n', where, '--for=condition=Ready', 'agentsession/devin', '--timeout=60s')
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, required, meshed, '--wait=false')
  await kubectl('delete', 'mutatingadmissionpolicy,mutatingadmissionpolicybinding', meshed, '--ignore-not-found')
})

const eventsOn = async (where: string, owner: string): Promise<string[]> => {
  const format = '{range .items[*]}{.involvedObject.kind}/{.involvedObject.name} {.reason} {.message}{"\\n"}{end}'
  const lines = (await kubectl('get', 'events', '-n', where, '-o', `jsonpath=${format}`)).split('\n')
  return lines.filter((line) => line.startsWith(owner) && line.includes('FailedCreate'))
}
const failedCreate = async (where: string, owner: string): Promise<string> =>
  (
    await eventually(
      () => eventsOn(where, owner),
      (lines) => lines.length > 0,
      60_000,
    )
  ).join('\n')

const hopeless = template({ containers: [container({ securityContext: { capabilities: { add: ['NET_RAW'] } } })] })

describe('a workload whose pods cannot be contained', () => {
  test.each(kinds)('is refused when it is applied, and the field is named: %s', async (kind) => {
    const { code, stderr } = await kubectl.tryApply(workload(kind, namespace, 'hopeless', hopeless))
    const field = `${kind === 'CronJob' ? 'spec.jobTemplate.' : ''}spec.template.spec.containers[0].securityContext.capabilities.add`
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`the pods of this ${kind} cannot be contained: ${field}`),
    ])
  })

  test('is refused where its namespace requires injection, though no session selects it', async () => {
    const stranger = { ...template({ hostNetwork: true }), metadata: { labels: { app: 'web' } } }
    const { stderr } = await kubectl.tryApply(workload('Job', required, 'hostile', stranger))
    expect(stderr).toMatch(/chaperone-jobs.*spec\.hostNetwork/s)
    expect(await kubectl('get', 'jobs', '-n', required, '-o', 'name')).toBe('')
  })
})

describe('a workload that is refused for now', () => {
  const waiting = template({}, { 'chaperone.dev/session': 'later' })
  const owners: readonly (readonly [kind: Kind, owner: string])[] = [
    ['Deployment', 'ReplicaSet/later-deployment'],
    ['StatefulSet', 'StatefulSet/later-statefulset'],
    ['DaemonSet', 'DaemonSet/later-daemonset'],
    ['ReplicaSet', 'ReplicaSet/later-replicaset'],
    ['ReplicationController', 'ReplicationController/later-replicationcontroller'],
    ['Job', 'Job/later-job'],
  ]

  test.each(owners)('is applied with a warning, and its owner has an event that says why: %s', async (kind, owner) => {
    const { code, stderr } = await kubectl.tryApply(workload(kind, namespace, `later-${kind.toLowerCase()}`, waiting))
    expect([code, stderr]).toEqual([0, expect.stringContaining('AgentSession "later" does not exist')])
    expect(await failedCreate(namespace, owner)).toContain('AgentSession "later" does not exist')
  })

  test('has its pods once its session is there', async () => {
    await kubectl.apply(session('later', namespace))
    for (const [kind] of owners) {
      const name = `${kind.toLowerCase()}/later-${kind.toLowerCase()}`
      const ready =
        kind === 'DaemonSet' ? '{.status.numberReady}' : kind === 'Job' ? '{.status.ready}' : '{.status.readyReplicas}'
      await kubectl('wait', '-n', namespace, name, `--for=jsonpath=${ready}=1`, '--timeout=150s')
    }
    const injected = await kubectl('get', 'pods', '-n', namespace, '-l', 'chaperone.dev/session=later', '-o', 'name')
    const pods = injected.trim().split('\n')
    expect(pods).toHaveLength(owners.length)
    // No rule allows anything: what answers is the sidecar.
    for (const pod of pods)
      expect(
        await command('kubectl', [
          'exec',
          '-n',
          namespace,
          pod,
          '--',
          'curl',
          '-sSk',
          '-m',
          '9',
          'https://203.0.113.9/',
        ]),
      ).toMatchObject({ stdout: expect.stringContaining('NoRuleMatched') })
  })
})

test('a workload that no session selects is applied with a warning', async () => {
  const stranger = { ...workload('Deployment', namespace, 'web', template()) } as { spec: object }
  const labels = { matchLabels: { app: 'web' } }
  const spec = { selector: labels, replicas: 0, template: { ...template(), metadata: { labels: { app: 'web' } } } }
  const { code, stderr } = await kubectl.tryApply({ ...stranger, spec })
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/Warning: chaperone: no AgentSession selects .* not injected/),
  ])
})

test('where a mesh injects as well, the owner of the pods tells how to turn it off', async () => {
  const ordinary = template({ initContainers: [container({ name: 'setup', command: ['true'] })] })
  const members = `image: "istio/proxyv2", securityContext: Object.spec.initContainers.securityContext{
    capabilities: Object.spec.initContainers.securityContext.capabilities{add: ["NET_ADMIN", "NET_RAW"]}}`
  await kubectl.apply(...injector(meshed, { list: 'initContainers', name: 'istio-init', members }))
  await kubectl('label', 'namespace', meshed, `injector=${meshed}`)
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', namespace: meshed }, spec: ordinary.spec }
  await eventually(
    () => kubectl.tryAdmit(pod),
    ({ stdout }) => stdout.includes('istio-init'),
  )
  await kubectl.apply(workload('Deployment', meshed, 'agent', ordinary))
  const remedy =
    'spec.initContainers[0].name: istio-init: Istio and the sidecar cannot both take the traffic of a pod; label the pod sidecar.istio.io/inject=false'
  expect(await failedCreate(meshed, 'ReplicaSet/agent')).toContain(remedy)
  const condition = '{.status.conditions[?(@.type=="ReplicaFailure")].message}'
  expect(
    await eventually(
      () => kubectl('get', 'deployment', '-n', meshed, 'agent', '-o', `jsonpath=${condition}`),
      (message) => message !== '',
    ),
  ).toContain(remedy)
})
