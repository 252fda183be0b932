// The self-test that the kubelet repeats in every pod, against guards that were changed after it had passed.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, podStatus, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { createNodeShell, type NodeShell } from '../harness/node-shell.ts'
import { collected } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(240_000)

const namespace = `containment-${process.pid}`
const shopNamespace = `containment-shop-${process.pid}`
const nodeNamespace = `containment-node-${process.pid}`
const kubectl: Kubectl = createKubectl()
/** Several periods of the self-test, and what a sidecar takes to report. */
const checkedMs = 90_000
let shop: Shop
let node: NodeShell
let agent: Agent

beforeAll(async () => {
  await installChaperone()
  const starting = createNodeShell(kubectl, nodeNamespace)
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace)
  await kubectl.apply(sessionFor(shop, namespace))
  agent = await startAgent(kubectl, agentPod(namespace, 'agent'))
  node = await starting
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, nodeNamespace, '--wait=false')
})

const podField = (path: string) => kubectl('get', 'pod', '-n', namespace, 'agent', '-o', `jsonpath={${path}}`)
const warnings = (of: string, pod: string) =>
  kubectl('get', 'events', '-n', of, '--field-selector', `involvedObject.name=${pod},type=Warning`)
const get = () => agent.curl(`https://${shop.apiHost}:8443/orders/1`)

/** Of verify in the first agent: it has nft, and the libraries that nft loads. */
async function verifyProcess(): Promise<string> {
  const id = new URL(await podField('.status.initContainerStatuses[1].containerID')).host
  return (await node.run(`grep -ls ${id} /proc/[0-9]*/cgroup | head -1 | cut -d/ -f3`)).trim()
}

/** As somebody with root on the node could, in the network of the pod. */
async function nft(rules: string, pod = 'agent'): Promise<string> {
  const path = 'jsonpath={.status.initContainerStatuses[0].containerID}'
  const id = new URL(await kubectl('get', 'pod', '-n', namespace, pod, '-o', path)).host
  const script = Buffer.from(rules).toString('base64')
  return node.run(
    `pid=$(grep -ls ${id} /proc/[0-9]*/cgroup | head -1 | cut -d/ -f3)
     nsenter --target ${await verifyProcess()} --mount --net=/proc/$pid/ns/net /usr/sbin/nft "$(base64 -d <<<${script})"`,
  )
}

/** Nobody has done anything about it. */
async function isContainedAgain(): Promise<void> {
  await eventually(get, ({ status }) => status === 200, checkedMs)
  await eventually(
    () => condition('Contained'),
    ({ status, reason }) => status === 'True' && reason === 'Verified',
    checkedMs,
  )
}

async function condition(type: string): Promise<{ status: string; reason: string; message: string }> {
  const text = await kubectl('get', 'agentsession', '-n', namespace, 'devin', '-o', 'json')
  const { status } = JSON.parse(text) as {
    status: { conditions: { type: string; status: string; reason: string; message: string }[] }
  }
  return status.conditions.find((each) => each.type === type)!
}

test('a pod is tested before its agent starts, and again and again', async () => {
  const first = await podStatus(kubectl, agent, 'devin', ({ contained }) => contained)
  expect(first).toMatchObject({
    containedReason: 'Verified',
    containedMessage: expect.stringContaining('none was open'),
  })
  const { startedAt } = JSON.parse(await podField('.status.containerStatuses[0].state.running')) as {
    startedAt: string
  }
  expect(Date.parse(first.lastCheckTime!)).toBeLessThan(Date.parse(startedAt) + 1000)
  await podStatus(kubectl, agent, 'devin', ({ lastCheckTime }) => lastCheckTime! > first.lastCheckTime!)
  expect(await kubectl('describe', 'agentsession', '-n', namespace, 'devin')).toMatch(
    /Last Check Time:[^]*the self-test of 1 pods found no way around the sidecar, last at/,
  )
})

test('what an agent tries to get around the sidecar is on record, with where it was to go; what the self-test tries is not', async () => {
  // Bash connects the socket, and holds it while it sleeps.
  const send = (port: number) =>
    agent.run('bash', '-c', `exec 3<>/dev/udp/192.0.2.44/${port}; echo around >&3; sleep 1`)
  const attempts = async () => {
    await Promise.all([send(443), send(4433)])
    const { records } = await collected(kubectl, agent)
    return records.filter(({ kind }) => kind === 'bypass.attempt').map(({ attributes }) => attributes)
  }
  const isOf = (vector: string, port: number) => (attributes: Readonly<Record<string, unknown>>) =>
    attributes['chaperone.bypass.vector'] === vector &&
    attributes['server.address'] === '192.0.2.44' &&
    attributes['server.port'] === port &&
    typeof attributes['process.user.id'] === 'number'
  const all = await eventually(
    attempts,
    (found) => found.some(isOf('quic', 443)) && found.some(isOf('udp', 4433)),
    90_000,
  )
  expect(all.map((attributes) => attributes['server.address']).filter((address) => address === '192.0.2.1')).toEqual([])
})

describe('a guard that lets datagrams out all of a sudden', () => {
  test('is found out and put up again: meanwhile everything is refused, and status, events and records say what was found', async () => {
    expect((await get()).status).toBe(200)
    await nft('delete chain inet chaperone contain')
    const [found, refused] = await Promise.all([
      eventually(
        () => condition('Contained'),
        ({ status }) => status === 'False',
        checkedMs,
      ),
      eventually(get, ({ status }) => status === 503, checkedMs),
    ])
    expect(found).toMatchObject({ reason: 'EscapeFound' })
    expect(found.message).toMatch(
      /^agent at \d{4}-\d\d-\d\dT[\d:.]+Z: \d+ of 12 ways out are open: .*UDP 443 over IPv4/,
    )
    expect(JSON.parse(refused.body)).toMatchObject({ reason: 'NotContained' })
    expect(refused.body).not.toContain('UDP')
    expect(await warnings(namespace, 'agent')).toMatch(/Liveness probe failed: \d+ of 12 ways out are open/)
    await isContainedAgain()
    expect(await nft('list chain inet chaperone contain')).toContain('policy drop')
    expect(await agent.restarts()).toBe('0 1')
    await eventually(
      () => collected(kubectl, agent),
      ({ records }) =>
        records.some(({ attributes }) => attributes['chaperone.reason'] === 'NotContained') &&
        ['EscapeFound', 'Verified'].every((reason) =>
          records.some(
            ({ kind, attributes }) =>
              kind === 'containment.changed' && attributes['chaperone.containment.reason'] === reason,
          ),
        ),
      60_000,
    )
  })

  test('is found out too when nothing of it is left', async () => {
    const whole = await nft('list table inet chaperone')
    await nft('delete table inet chaperone')
    await eventually(
      () => condition('Contained'),
      ({ status, message }) => status === 'False' && message.includes('TCP over IPv4 (not met by the sidecar'),
      checkedMs,
    )
    await isContainedAgain()
    expect(await nft('list table inet chaperone')).toBe(whole)
  })
})

describe('an agent whose guard is changed before the first self-test', () => {
  test('does not start until it holds', async () => {
    const shell = await verifyProcess()
    // From before there is a pod: as soon as it has rules, and half a second before its sidecar can be met.
    const inPod = `nsenter --target ${shell} --mount --net=/proc/$pid/ns/net /usr/sbin/nft`
    const broken = 'delete chain inet chaperone contain'
    const breaking = node.run(
      `until pid=$(grep -zls '^HOSTNAME=late$' /proc/[0-9]*/environ | head -1 | cut -d/ -f3); [ -n "$pid" ] && ${inPod} '${broken}' 2>/dev/null; do sleep 0.02; done`,
    )
    await kubectl.apply(agentPod(namespace, 'late'))
    await breaking
    await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/late', '--timeout=120s')
    expect(await warnings(namespace, 'late')).toContain('PostStartHook failed')
    const { status } = JSON.parse(await kubectl('get', 'pod', '-n', namespace, 'late', '-o', 'json')) as {
      status: {
        initContainerStatuses: { lastState: { terminated: { message: string; finishedAt: string } } }[]
        containerStatuses: { state: { running: { startedAt: string } } }[]
      }
    }
    const { message, finishedAt } = status.initContainerStatuses[1]!.lastState.terminated
    expect(message).toMatch(/\d+ of 12 ways out are open: UDP 443 over IPv4/)
    const { startedAt } = status.containerStatuses[0]!.state.running
    expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(finishedAt))
  })
})
