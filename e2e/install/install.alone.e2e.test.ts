import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { chart, createKubectl, installArguments, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, output } from '../harness/command.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(300_000)

const namespace = `install-${process.pid}`
const shopNamespace = `install-shop-${process.pid}`
const system = 'chaperone-system'
const kubectl: Kubectl = createKubectl()
let shop: Shop
let agent: Agent

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace)
  await kubectl.apply(sessionFor(shop, namespace))
  agent = await startAgent(kubectl, agentPod(namespace, 'agent'))
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false')
})

const api = (path: string) => `https://${shop.apiHost}:8443${path}`
const logLevel = (pod: string) => {
  const path = '{.spec.initContainers[0].env[?(@.name=="CHAPERONE_LOG_LEVEL")].value}'
  return kubectl('get', 'pod', '-n', namespace, pod, '-o', `jsonpath=${path}`)
}

test('helm lint finds nothing', async () => {
  const { code, stdout } = await command('helm', ['lint', '--strict', chart])
  expect([code, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')])
})

test.each([
  ['operator.replicas=0', /operator[./]replicas.*minimum/],
  ['sidecar.auditMaxBytes=1024', /sidecar[./]auditMaxBytes.*minimum/],
  ['sidecar.logLevel=loud', /sidecar[./]logLevel.*one of/],
  ['collector.endpoint=ftp://a', /collector[./]endpoint.*pattern/],
  ['images.tagg=1', /images.*tagg/],
])('helm refuses %s by a message that names the value', async (setting, message) => {
  const { code, stderr } = await command('helm', [...installArguments(setting), '--dry-run'])
  expect([code, stderr.replaceAll('\n', ' ')]).toEqual([1, expect.stringMatching(message)])
})

test('an upgrade leaves running pods alone, and new pods get the new values', async () => {
  await installChaperone('sidecar.logLevel=debug')
  const fresh = await startAgent(kubectl, agentPod(namespace, 'fresh'))
  expect([await logLevel('agent'), await logLevel('fresh')]).toEqual(['info', 'debug'])
  expect([await agent.restarts(), await fresh.restarts()]).toEqual(['0 0', '0 0'])
  for (const each of [agent, fresh]) expect((await each.curl(api('/upgraded'))).status).toBe(200)
})

describe('after helm uninstall', () => {
  beforeAll(async () => {
    await output('helm', ['uninstall', 'chaperone', '-n', system, '--wait', '--timeout', '2m'], { timeoutMs: 150_000 })
  })

  test('nothing of it is left that acts: no webhook, policy, role or program', async () => {
    const kinds = [
      'mutatingwebhookconfigurations',
      'validatingadmissionpolicies',
      'validatingadmissionpolicybindings',
      'clusterroles',
      'clusterrolebindings',
    ].join(',')
    const ours = ['-l', 'app.kubernetes.io/name=chaperone', '-o', 'name']
    expect(await kubectl('get', kinds, ...ours)).toBe('')
    // Its pods answer what is under way before they end.
    await eventually(
      () => kubectl('get', 'all,roles,rolebindings,serviceaccounts,configmaps,pdb', '-n', system, ...ours),
      (left) => left === '',
      60_000,
    )
  })

  test('the definitions and the objects are kept', async () => {
    for (const kind of ['agentsessions', 'egresspolicies', 'clusteregresspolicies', 'approvalrequests'])
      expect(await kubectl('get', 'crd', `${kind}.chaperone.dev`, '-o', 'name')).toContain(kind)
    expect(await kubectl('get', 'agentsession', '-n', namespace, 'devin', '-o', 'name')).toContain('devin')
  })

  test('running agents stay contained: what a rule denies, none allows or a person decides is refused', async () => {
    expect((await agent.curl('-X', 'DELETE', api('/denied'))).status).toBe(403)
    expect((await agent.curl('https://elsewhere.example/')).status).toBe(403)
    const { status, body } = await agent.curl('-d', 'amount=1', api('/refunds'))
    expect([status, JSON.parse(body)]).toEqual([503, expect.objectContaining({ reason: 'ApprovalUnavailable' })])
    const reached = (await shop.requests()).map(({ method, path }) => `${method} ${path}`)
    expect(reached.filter((each) => !each.startsWith('GET /upgraded'))).toEqual([])
  })

  test('and once it is installed again, takes up its agents, and injects new ones', async () => {
    await installChaperone()
    const patch = '{"spec":{"suspended":true}}'
    await kubectl('patch', 'agentsession', '-n', namespace, 'devin', '--type=merge', '-p', patch)
    const suspended = await eventually(
      () => agent.curl(api('/suspended')),
      ({ status }) => status === 403,
      60_000,
    )
    expect(suspended.body).toContain('Suspended')
    await kubectl(
      'patch',
      'agentsession',
      '-n',
      namespace,
      'devin',
      '--type=merge',
      '-p',
      '{"spec":{"suspended":false}}',
    )
    const again = await startAgent(kubectl, agentPod(namespace, 'again'))
    await eventually(
      () => again.curl(api('/again')),
      ({ status }) => status === 200,
    )
    expect(await agent.restarts()).toBe('0 0')
  })
})
