// Where PodSecurity forbids the guard: agents that are led by variables, and everywhere the truth about what that is worth.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { collected } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from '../main-journey/session.ts'

jest.setTimeout(180_000)

const namespace = `proxy-mode-${process.pid}`
/** The same, but nobody chose the mode. */
const unchosen = `proxy-mode-unchosen-${process.pid}`
/** Nothing forbids the guard. */
const open = `proxy-mode-open-${process.pid}`
const shopNamespace = `proxy-mode-shop-${process.pid}`
const kubectl: Kubectl = createKubectl()
const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' }
const proxied = { 'chaperone.dev/interception': 'Proxy' }
let shop: Shop
let agent: Agent

/** All that `restricted` asks of an agent beyond what injection adds. */
const podOf = (where: string, name: string, spec: object = {}) =>
  agentPod(where, name, { securityContext: { runAsNonRoot: true }, ...spec })

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  await createAgentNamespace(kubectl, namespace, {
    labels: { ...restricted, ...proxied },
    objects: [
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'reviewers', namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'chaperone-reviewer' },
        subjects: [{ kind: 'Group', name: 'reviewers' }],
      },
      sessionFor(shop, namespace),
    ],
  })
  await createAgentNamespace(kubectl, unchosen, { labels: restricted, objects: [sessionFor(shop, unchosen)] })
  await createAgentNamespace(kubectl, open, { objects: [sessionFor(shop, open)] })
  agent = await startAgent(kubectl, podOf(namespace, 'agent'))
})

afterAll(() => kubectl('delete', 'namespace', namespace, unchosen, open, shopNamespace, '--wait=false'))

const api = (path: string) => `https://${shop.apiHost}:8443${path}`
const condition = (type: string) =>
  kubectl(
    ...['get', 'agentsession', '-n', namespace, 'devin', '-o'],
    `jsonpath={.status.conditions[?(@.type=="${type}")].status} {.status.conditions[?(@.type=="${type}")].reason}`,
  )
const pathsSeen = async (method: string) =>
  (await shop.requests()).filter((each) => each.method === method).map((each) => each.path)

describe('an agent where PodSecurity enforces restricted', () => {
  test('runs, without a guard, behind a sidecar that verify has met', async () => {
    const { spec, metadata } = JSON.parse(await kubectl('get', 'pod', '-n', namespace, 'agent', '-o', 'json')) as {
      metadata: { labels: Record<string, string> }
      spec: { initContainers: { name: string; securityContext: { capabilities: object } }[] }
    }
    expect(spec.initContainers.map(({ name }) => name)).toEqual(['chaperone-sidecar', 'chaperone-verify'])
    for (const { securityContext } of spec.initContainers)
      expect(securityContext.capabilities).toEqual({ drop: ['ALL'] })
    expect(metadata.labels).toMatchObject(proxied)
    // Its hook is the test: nothing of the agent starts before it has passed.
    const started = `jsonpath={.status.initContainerStatuses[?(@.name=="chaperone-verify")].started}`
    expect(await kubectl('get', 'pod', '-n', namespace, 'agent', '-o', started)).toBe('true')
  })

  test('reaches an allowed API with an unchanged curl and sees e-mail addresses masked', async () => {
    const { status, body } = await agent.curl(api('/orders/1'))
    expect([status, JSON.parse(body)]).toEqual([
      200,
      { customer: '[REDACTED:EmailAddress]', card: '[REDACTED:CreditCard]', total: 12.5 },
    ])
  })

  test('is told which rule denies and what to do; nothing reaches the API', async () => {
    const { status, body } = await agent.curl('-X', 'DELETE', api('/orders/1'))
    expect([status, JSON.parse(body)]).toEqual([
      403,
      expect.objectContaining({ rule: 'AgentSession/devin#no-delete', next: expect.stringContaining('Do not retry') }),
    ])
    expect(await pathsSeen('DELETE')).toEqual([])
  })

  test('is held until a person approves', async () => {
    const held = agent.curl('-d', 'amount=50', api('/refunds'))
    const name = await eventually(
      () => kubectl('get', 'approvalrequests', '-n', namespace, '-o', 'jsonpath={.items[*].metadata.name}'),
      (names) => names !== '',
    )
    expect(await pathsSeen('POST')).toEqual([])
    const reviewer = kubectl.as('bob', 'reviewers')
    const decision = { spec: { decision: { verdict: 'Approved', reason: 'customer called' } } }
    await reviewer('patch', 'approvalrequest', '-n', namespace, name, '--type=merge', '-p', JSON.stringify(decision))
    expect(await held).toEqual({ status: 200, body: '{"refunded":true}' })
    expect(await pathsSeen('POST')).toEqual(['/refunds'])
  })

  test.each([
    ['Node', `const { status } = await fetch(process.argv[2]); console.log(status)`],
    [
      'Python',
      `import { execFileSync } from 'node:child_process'
const python = 'import requests, sys; print(requests.get(sys.argv[1]).status_code)'
process.stdout.write(execFileSync('python3', ['-c', python, process.argv[2]]))`,
    ],
  ])('is met in %s as well', async (_language, source) => {
    expect((await agent.script(source, 'https://pastebin.example/')).stdout.trim()).toBe('403')
  })

  test('speaks HTTP/2 in the tunnel that it opens, as gRPC does', async () => {
    const format = '%{http_version} %{http_code}'
    const args = ['-sS', '--http2', '-o', '/dev/null', '-w', format, api('/orders/2')]
    expect((await agent.run('curl', ...args)).stdout).toBe('2 200')
  })

  test('cannot be told of another proxy', async () => {
    const pod = podOf(namespace, 'own-proxy')
    const env = [{ name: 'HTTPS_PROXY', value: 'http://proxy.example:3128' }]
    const containers = pod.spec.containers.map((container) => ({ ...container, env }))
    const { code, stderr } = await kubectl.tryApply({ ...pod, spec: { ...pod.spec, containers } })
    expect([code, stderr]).toEqual([1, expect.stringContaining('spec.containers[0].env[0]: must not set a proxy')])
  })

  test('states itself that it is not root: PodSecurity says so, in its own words', async () => {
    const { code, stderr } = await kubectl.tryApply(agentPod(namespace, 'root'))
    expect([code, stderr]).toEqual([1, expect.stringMatching(/PodSecurity "restricted[^]*runAsNonRoot/)])
    expect(stderr).not.toContain('chaperone-')
  })
})

describe('what nobody is promised', () => {
  test('goes past the sidecar, unmasked: a client that ignores the variables', async () => {
    const { status, body } = await agent.curl('-k', '--noproxy', '*', api('/orders/around'))
    expect([status, body]).toEqual([200, expect.stringContaining('ada@customer.example')])
  })

  test('is what the session says of itself: neither contained nor ready', async () => {
    const expected = 'False ProxyMode'
    expect(
      await eventually(
        () => condition('Contained'),
        (said) => said === expected,
      ),
    ).toBe(expected)
    expect(await condition('Ready')).toBe(expected)
    expect(await kubectl('get', 'agentsessions', '-n', namespace, '-o', 'wide')).toMatch(
      /devin +ada +False .* ProxyMode +False/,
    )
    const described = await kubectl('describe', 'agentsession', '-n', namespace, 'devin')
    expect(described).toContain('traffic that ignores the proxy variables is neither seen nor stopped')
    expect(described).toContain('NetworkPolicy chaperone-devin limits it')
    expect(described).toMatch(/Warning +ProxyMode/)
  })

  test('is in every record of such a pod', async () => {
    const { lines } = await eventually(
      () => collected(kubectl, agent),
      ({ records }) => records.length > 0,
      60_000,
    )
    for (const line of lines) expect(line).toContain('chaperone.interception')
  })
})

describe('the NetworkPolicy of a session', () => {
  const read = async () =>
    JSON.parse(await kubectl('get', 'networkpolicy', '-n', namespace, 'chaperone-devin', '-o', 'json')) as {
      metadata: { uid: string; ownerReferences: object[] }
      spec: { podSelector: object; ingress: object[]; egress: { ports: object[] }[] }
    }

  test('selects its guardless pods, and closes what is neither TCP nor DNS', async () => {
    const { spec, metadata } = await read()
    expect(metadata.ownerReferences).toEqual([expect.objectContaining({ kind: 'AgentSession', name: 'devin' })])
    expect(spec.podSelector).toEqual({ matchLabels: { 'chaperone.dev/session': 'devin', ...proxied } })
    expect(spec.ingress).toEqual([{ ports: [{ port: 15021, protocol: 'TCP' }] }])
    expect(spec.egress.map(({ ports }) => ports)).toEqual([
      [
        { port: 53, protocol: 'UDP' },
        { port: 53, protocol: 'TCP' },
      ],
      [{ protocol: 'TCP' }],
    ])
    expect(JSON.stringify(spec.egress)).toContain('"cidr":"0.0.0.0/0","except":["169.254.0.0/16","168.63.129.16/32"')
  })

  test('comes back when somebody removes it', async () => {
    const { metadata } = await read()
    await kubectl('delete', 'networkpolicy', '-n', namespace, 'chaperone-devin')
    const again = await eventually(
      () => kubectl('get', 'networkpolicies', '-n', namespace, '-o', 'jsonpath={.items[*].metadata.uid}'),
      (uid) => uid !== '',
    )
    expect(again).not.toBe(metadata.uid)
  })
})

describe('the mode is the namespace’s to choose', () => {
  test('a pod that chooses it for itself has a guard all the same', async () => {
    const pod = podOf(open, 'chooser')
    const labels = { ...pod.metadata.labels, ...proxied }
    const { stdout } = await eventually(
      () => kubectl.tryAdmit({ ...pod, metadata: { ...pod.metadata, labels } }),
      ({ code }) => code === 0,
    )
    const admitted = JSON.parse(stdout) as {
      metadata: { labels: Record<string, string> }
      spec: { initContainers: { command: string[] }[] }
    }
    expect(admitted.spec.initContainers[1]?.command[2]).toContain('table inet chaperone')
    expect(admitted.metadata.labels).not.toMatchObject(proxied)
  })

  test('where nobody chose, and the guard is forbidden, the refusal names the label', async () => {
    const refused = await eventually(
      () => kubectl.tryApply(podOf(unchosen, 'agent')),
      ({ stderr }) => !stderr.includes('no AgentSession'),
    )
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(
        `enforces the PodSecurity standard restricted[^]*kubectl label namespace ${unchosen} chaperone.dev/interception=Proxy`,
      ),
    ])
  })

  test('a value that is no mode is refused', async () => {
    await kubectl('label', 'namespace', unchosen, 'chaperone.dev/interception=Sometimes', '--overwrite')
    const { code, stderr } = await kubectl.tryApply(podOf(unchosen, 'agent'))
    expect([code, stderr]).toEqual([1, expect.stringContaining('expected Transparent or Proxy')])
  })

  test('pods that run keep theirs when it is taken back, and so does what is said of them', async () => {
    await kubectl('label', 'namespace', namespace, 'chaperone.dev/interception-')
    expect((await agent.curl('-X', 'DELETE', api('/orders/1'))).status).toBe(403)
    expect((await kubectl.tryApply(podOf(namespace, 'later'))).stderr).toContain('enforces the PodSecurity standard')
    const relabelled = await kubectl.try('label', 'pod', '-n', namespace, 'agent', 'chaperone.dev/interception-')
    expect(relabelled.stderr).toContain('labels under chaperone.dev/ are immutable')
    expect(await condition('Contained')).toBe('False ProxyMode')
    expect(await agent.restarts()).toBe('0 0')
  })
})
