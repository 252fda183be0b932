import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, podStatus, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(180_000)

const namespace = `faults-${process.pid}`
const shopNamespace = `faults-shop-${process.pid}`
const system = 'chaperone-system'
const kubectl: Kubectl = createKubectl()
let shop: Shop
let agent: Agent

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace, { injection: 'required' })
  await kubectl.apply(sessionFor(shop, namespace))
  agent = await startAgent(kubectl, agentPod(namespace, 'agent'))
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false')
})

const curl = (...args: string[]) => agent.curl(...args)
const api = (path: string) => `https://${shop.apiHost}:8443${path}`
const scale = async (name: string, replicas: number) => {
  await kubectl('scale', '-n', system, `deploy/${name}`, `--replicas=${replicas}`)
  if (replicas > 0) await kubectl('rollout', 'status', '-n', system, `deploy/${name}`, '--timeout=90s')
  else
    await kubectl(
      'wait',
      '-n',
      system,
      '--for=delete',
      'pod',
      '-l',
      `app.kubernetes.io/component=${name.replace('chaperone-', '')}`,
      '--timeout=90s',
    )
}
const pendingName = () =>
  kubectl(
    'get',
    'approvalrequests',
    '-n',
    namespace,
    '-o',
    'jsonpath={.items[?(@.status.conditions[0].reason=="Pending")].metadata.name}',
  )

test('a namespace labelled required refuses a pod that no session selects', async () => {
  const pod = agentPod(namespace, 'stranger')
  const refused = await kubectl.tryApply({ ...pod, metadata: { ...pod.metadata, labels: { app: 'stranger' } } })
  expect(refused.stderr).toContain('no AgentSession selects this pod')
})

describe('with the operator away', () => {
  beforeAll(() => scale('chaperone-operator', 0))
  afterAll(() => scale('chaperone-operator', 2))

  test('running pods keep the last good policy', async () => {
    expect(await curl(api('/away'))).toMatchObject({
      status: 200,
      body: expect.stringContaining('[REDACTED:EmailAddress]'),
    })
    expect((await curl('-X', 'DELETE', api('/away'))).status).toBe(403)
  })

  test('what needs approval is refused with a reason, and never forwarded', async () => {
    const { status, body } = await curl('-d', 'amount=1', api('/refunds'))
    expect([status, JSON.parse(body)]).toEqual([503, expect.objectContaining({ reason: 'ApprovalUnavailable' })])
    expect((await shop.requests()).filter((request) => request.path === '/refunds')).toEqual([])
  })

  test('new pods are refused', async () => {
    expect((await kubectl.tryApply(agentPod(namespace, 'late'))).stderr).toMatch(/failed calling webhook|chaperone/)
  })
})

test('a held call survives a restart of every operator replica', async () => {
  await eventually(
    () => curl('-d', 'amount=0', api('/later')),
    (answer) => answer.status === 423,
  )
  const held = curl('-d', 'amount=50', api('/refunds'))
  await eventually(
    () => kubectl('get', 'approvalrequests', '-n', namespace),
    (text) => text.includes('/refunds'),
  )
  await kubectl('rollout', 'restart', '-n', system, 'deploy/chaperone-operator')
  await kubectl('rollout', 'status', '-n', system, 'deploy/chaperone-operator', '--timeout=90s')
  const names = (await pendingName()).split(' ')
  for (const name of names)
    await kubectl(
      'patch',
      'approvalrequest',
      '-n',
      namespace,
      name,
      '--type=merge',
      '-p',
      '{"spec":{"decision":{"verdict":"Approved"}}}',
    )
  expect(await held).toMatchObject({ status: 200 })
  expect(
    (await shop.requests()).filter((request) => request.path === '/refunds').map((request) => request.body),
  ).toEqual(['amount=50'])
})

test('with the collector away requests go on, and every record arrives once it is back', async () => {
  await scale('chaperone-collector', 0)
  for (const path of ['/a', '/b', '/c']) expect((await curl(api(path))).status).toBe(200)
  await podStatus(kubectl, agent, 'devin', ({ audit }) => audit.sequence > audit.deliveredSequence)
  await scale('chaperone-collector', 1)
  await podStatus(kubectl, agent, 'devin', ({ audit }) => audit.sequence === audit.deliveredSequence)
})
