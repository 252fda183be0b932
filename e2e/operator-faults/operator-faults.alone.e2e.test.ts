import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { createNodeShell, type NodeShell } from '../harness/node-shell.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'
import { startAdmissions } from './admissions.ts'
import { rotate } from './certificates.ts'

jest.setTimeout(240_000)

const namespace = `operator-faults-${process.pid}`
const shopNamespace = `operator-faults-shop-${process.pid}`
const nodeNamespace = `operator-faults-node-${process.pid}`
const system = 'chaperone-system'
const kubectl: Kubectl = createKubectl()
let shop: Shop
let node: NodeShell
let agent: Agent

beforeAll(async () => {
  await installChaperone()
  const starting = createNodeShell(kubectl, nodeNamespace)
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace)
  const session = sessionFor(shop, namespace)
  const rules = session.spec.egress.rules.map((rule) =>
    rule.name === 'refund' ? { ...rule, approval: { hold: '120s' } } : rule,
  )
  await kubectl.apply({ ...session, spec: { ...session.spec, egress: { ...session.spec.egress, rules } } })
  agent = await startAgent(kubectl, agentPod(namespace, 'agent'))
  node = await starting
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, nodeNamespace, '--wait=false')
})

const api = (path: string) => `https://${shop.apiHost}:8443${path}`
const holder = () =>
  kubectl('get', 'lease', '-n', system, 'chaperone-operator', '-o', 'jsonpath={.spec.holderIdentity}')
/** Another than this one leads. */
const anotherLeads = (before: string) => eventually(holder, (now) => now !== '' && now !== before, 90_000)
const podOf = (identity: string) => identity.replace(/_[^_]*$/, '')
const available = () => kubectl('rollout', 'status', '-n', system, 'deploy/chaperone-operator', '--timeout=90s')

const pending = async () => {
  const path = 'jsonpath={.items[?(@.status.conditions[0].reason=="Pending")].metadata.name}'
  return (await kubectl('get', 'approvalrequests', '-n', namespace, '-o', path))
    .split(' ')
    .filter((name) => name !== '')
}

/** Starts a call that waits for a person, and gives how to approve it. */
async function hold(body: string) {
  // One that has been decided upon may say for a moment that it has not.
  const others = await pending()
  const answer = agent.curl('-d', body, api('/refunds'))
  const [name = ''] = await eventually(
    async () => (await pending()).filter((each) => !others.includes(each)),
    (names) => names.length > 0,
    60_000,
  )
  return {
    answer,
    approve: () => {
      const patch = '{"spec":{"decision":{"verdict":"Approved"}}}'
      // An admission call, too: it fails while the replica that is asked is dying.
      return eventually(
        () => kubectl.try('patch', 'approvalrequest', '-n', namespace, name, '--type=merge', '-p', patch),
        ({ code }) => code === 0,
      )
    },
  }
}
const refunds = async () => (await shop.requests()).filter(({ path }) => path === '/refunds').map(({ body }) => body)

test('the certificates are changed without a failed admission, and sidecars stay connected', async () => {
  const admissions = startAdmissions(kubectl, agentPod(namespace, 'never'))
  let young: Agent | undefined
  await rotate(kubectl, async () => {
    young ??= await startAgent(kubectl, agentPod(namespace, 'young'))
    await admissions.pass(5)
  })
  const { count, failures } = await admissions.stop()
  expect(failures).toEqual([])
  expect(count).toBeGreaterThan(10)
  // Both hear of a change at once: the one that was there before, and the one that came in the middle.
  const suspend = (suspended: boolean) =>
    kubectl(
      'patch',
      'agentsession',
      '-n',
      namespace,
      'devin',
      '--type=merge',
      '-p',
      `{"spec":{"suspended":${suspended}}}`,
    )
  for (const [suspended, status] of [
    [true, 403],
    [false, 200],
  ] as const) {
    await suspend(suspended)
    for (const each of [agent, young!])
      await eventually(
        () => each.curl(api('/read')),
        (answer) => answer.status === status,
      )
  }
  expect([await agent.restarts(), await young!.restarts()]).toEqual(['0 0', '0 0'])
})

test('a leader that is stopped hands over: no admission fails, and a held call is not lost', async () => {
  const held = await hold('amount=1')
  const admissions = startAdmissions(kubectl, agentPod(namespace, 'never'))
  const leader = await holder()
  await kubectl('delete', 'pod', '-n', system, podOf(leader), '--timeout=90s')
  await anotherLeads(leader)
  await available()
  await admissions.pass(5)
  expect((await admissions.stop()).failures).toEqual([])
  await held.approve()
  expect(await held.answer).toMatchObject({ status: 200 })
  expect(await refunds()).toEqual(['amount=1'])
})

test('a leader that is killed is replaced, and a held call is not lost', async () => {
  const held = await hold('amount=2')
  const leader = await holder()
  await node.kill(system, podOf(leader), 'operator')
  await anotherLeads(leader)
  await held.approve()
  expect(await held.answer).toMatchObject({ status: 200 })
  expect(await refunds()).toEqual(['amount=1', 'amount=2'])
  // The new leader does a leader's work.
  await eventually(
    () => kubectl('get', 'agentsession', '-n', namespace, 'devin', '-o', 'jsonpath={.status.counters.requests}'),
    (count) => Number(count) >= 2,
    60_000,
  )
  await available()
})
