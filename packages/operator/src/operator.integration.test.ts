import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { AgentSession, ApprovalRequest, ApprovalState, Heartbeat } from '@chaperone/api'
import { startFaultProxy, startKubeApiserver, type FaultProxy, type KubeApiserver } from '@chaperone/testkit'
import { ask, podToken, podYaml, sessionYaml } from '../test/agents.ts'
import { kubectl } from '../test/chart.ts'
import { createControlClient, type ControlClient } from '../test/control-client.ts'
import {
  installChart,
  startOperator,
  stopOperator,
  webhookFlags,
  type RunningOperator,
} from '../test/running-operator.ts'
import type { Pod } from './inject/pod.ts'

// Every step is a program of its own, on a machine that may be busy.
jest.setTimeout(120_000)

let apiserver: KubeApiserver
let proxy: FaultProxy
/** `one` leads; `two` reaches the API server through a proxy that tests break. */
let one: RunningOperator
let two: RunningOperator
const replicas: RunningOperator[] = []
/** Kubeconfigs. */
let ada: string
let bob: string

const ours = '/apis/chaperone.dev/v1alpha1/namespaces/agents'
const core = '/api/v1/namespaces/agents'
const admin = (...args: readonly string[]) => kubectl(apiserver.kubeconfigPath, ['-n', 'agents', ...args])
/** Waits for a field of a session. */
const waitFor = (object: string, path: string, value: string) =>
  admin('wait', object, `--for=jsonpath={${path}}=${value}`, '--timeout=60s')
const conditionIs = (object: string, type: string, reason: string) =>
  waitFor(object, `.status.conditions[?(@.type=="${type}")].reason`, reason)
const session = async (name: string) =>
  (await apiserver.request('GET', `${ours}/agentsessions/${name}`)) as AgentSession

async function createPod(name: string, app: string, spec = ''): Promise<Pod> {
  await kubectl(ada, ['create', '-f', '-'], podYaml(name, app, spec))
  return (await apiserver.request('GET', `${core}/pods/${name}`)) as Pod
}

const clientOf = async (pod: Pod, operator = one): Promise<ControlClient> =>
  createControlClient(apiserver, operator, await podToken(apiserver, pod))

const beat = (requests: number): Heartbeat => ({
  contained: { ok: true, reason: 'Verified' },
  counters: { requests, denied: 1, masked: 2 },
  audit: { sequence: requests, head: 'a'.repeat(64), deliveredSequence: requests },
})
const asked = async (client: ControlClient, question: object): Promise<ApprovalState> => {
  const { status, text } = await client.call('/v1/approvals', question)
  expect([status, text]).toEqual([200, expect.any(String)])
  return JSON.parse(text) as ApprovalState
}
const decide = (kubeconfig: string, name: string, decision: object) =>
  kubectl(kubeconfig, [
    '-n',
    'agents',
    'patch',
    'approvalrequest',
    name,
    '--type=merge',
    '-p',
    JSON.stringify({ spec: { decision } }),
  ])

beforeAll(async () => {
  const crds = ['agentsessions', 'approvalrequests', 'clusteregresspolicies', 'egresspolicies'].map(
    (name) => new URL(`../../../crds/chaperone.dev_${name}.yaml`, import.meta.url).pathname,
  )
  apiserver = await startKubeApiserver({ crds, flags: webhookFlags })
  await installChart(apiserver)
  await apiserver.createNamespace('agents')
  await kubectl(apiserver.kubeconfigPath, ['label', 'namespace', 'agents', 'chaperone.dev/injection=enabled'])
  for (const [user, ...roles] of [
    [
      'ada',
      'chaperone-admin',
      'chaperone-view',
      'chaperone-reviewer',
      'system:aggregate-to-edit',
      'system:aggregate-to-view',
    ],
    ['bob', 'chaperone-reviewer'],
  ] as const)
    for (const role of roles)
      await admin(
        'create',
        'rolebinding',
        `${user}-${role.replaceAll(':', '-')}`,
        `--clusterrole=${role}`,
        `--user=${user}`,
      )
  ada = await apiserver.kubeconfigForUser('ada')
  bob = await apiserver.kubeconfigForUser('bob', ['reviewers'])
  proxy = await startFaultProxy({ host: '127.0.0.1', port: apiserver.port })
  one = await startOperator(apiserver, 'one')
  replicas.push(one)
  await one.ready()
  two = await startOperator(apiserver, 'two', { url: `https://127.0.0.1:${proxy.port}` })
  replicas.push(two)
  await two.ready()
}, 240_000)
afterAll(async () => {
  for (const operator of replicas) operator.program.kill('SIGKILL')
  await proxy.close()
  await apiserver.stop()
})

describe('two replicas', () => {
  test('both serve, and one leads', async () => {
    expect(await Promise.all([one, two].map((operator) => operator.isReady()))).toEqual([true, true])
    expect(await Promise.all([one, two].map((operator) => operator.metric('leader_election_master_status')))).toEqual([
      1, 0,
    ])
    const lease = (await apiserver.request(
      'GET',
      '/apis/coordination.k8s.io/v1/namespaces/chaperone-system/leases/chaperone-operator',
    )) as { spec: { holderIdentity: string } }
    expect(lease.spec.holderIdentity).toMatch(/^one_/)
  })
})

describe('a session', () => {
  test('is owned by who created it, and says that its policy is in force', async () => {
    await kubectl(ada, ['create', '-f', '-'], sessionYaml('devin'))
    await conditionIs('agentsession/devin', 'Ready', 'Ready')
    const { spec, status, metadata } = await session('devin')
    expect(spec.agent.owner).toBe('ada')
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      counters: { pods: 0, requests: 0, pending: 0 },
    })
    expect(status?.conditions?.map((each) => [each.type, each.status, each.reason])).toEqual([
      ['PolicyResolved', 'True', 'Resolved'],
      ['Contained', 'Unknown', 'NoPods'],
      ['AuditDelivered', 'Unknown', 'NoPods'],
      ['Expired', 'False', 'WithinLimits'],
      ['Ready', 'True', 'Ready'],
    ])
  })

  test('names a policy that is missing until it is there, and moves only the times of what changed', async () => {
    await kubectl(ada, ['create', '-f', '-'], sessionYaml('linked', '  policies: [{name: github-read}]'))
    await conditionIs('agentsession/linked', 'Ready', 'MissingReference')
    const before = await session('linked')
    expect(before.status?.conditions?.find((each) => each.type === 'PolicyResolved')?.message).toContain('github-read')
    await kubectl(
      ada,
      ['create', '-f', '-'],
      '{apiVersion: chaperone.dev/v1alpha1, kind: EgressPolicy, metadata: {name: github-read, namespace: agents}, spec: {rules: []}}',
    )
    await conditionIs('agentsession/linked', 'Ready', 'Ready')
    const after = await session('linked')
    const times = (of: AgentSession, ...types: string[]) =>
      types.map((type) => of.status?.conditions?.find((each) => each.type === type)?.lastTransitionTime)
    expect(times(after, 'Contained', 'Expired')).toEqual(times(before, 'Contained', 'Expired'))
    expect(times(after, 'Ready')).not.toEqual(times(before, 'Ready'))
  })

  test('that is suspended or whose time is up is not ready', async () => {
    await kubectl(ada, ['create', '-f', '-'], sessionYaml('short', '  limits: {duration: 1s}'))
    await kubectl(ada, ['create', '-f', '-'], sessionYaml('paused', '  suspended: true'))
    await conditionIs('agentsession/paused', 'Ready', 'Suspended')
    await waitFor('agentsession/short', '.status.conditions[?(@.type=="Expired")].status', 'True')
  })

  test('is listed with the columns that a person reads', async () => {
    const [headings, ...rows] = (await admin('get', 'agentsessions', 'devin', 'paused')).trimEnd().split('\n')
    expect(headings?.split(/\s+/)).toEqual([
      'NAME',
      'OWNER',
      'READY',
      'PODS',
      'REQUESTS',
      'DENIED',
      'PENDING',
      'MASKED',
      'AGE',
    ])
    expect(rows.map((row) => row.split(/\s+/).slice(0, -1))).toEqual([
      ['devin', 'ada', 'True', '0', '0', '0', '0', '0'],
      ['paused', 'ada', 'False', '0', '0', '0', '0', '0'],
    ])
  })

  test('gives no status to anybody else: not even the admin of its namespace writes it', async () => {
    await expect(
      kubectl(ada, [
        '-n',
        'agents',
        'patch',
        'agentsession',
        'devin',
        '--subresource=status',
        '--type=merge',
        '-p',
        '{"status":{"conditions":[]}}',
      ]),
    ).rejects.toThrow(/forbidden/i)
  })
})

describe('a pod', () => {
  test('that a session selects is injected by the patch as the API server applies it', async () => {
    const pod = await createPod('agent', 'devin')
    expect(pod.spec.initContainers?.map((container) => container.name)).toEqual([
      'chaperone-sidecar',
      'chaperone-verify',
    ])
    expect(pod.metadata.labels).toMatchObject({ app: 'devin', 'chaperone.dev/session': 'devin' })
    expect(pod.metadata.annotations?.['chaperone.dev/session-uid']).toBe((await session('devin')).metadata.uid)
    expect(pod.spec.containers[0]?.env).toContainEqual({ name: 'X/~Y', value: 'z' })
    await waitFor('agentsession/devin', '.status.counters.pods', '1')
  })

  test('that cannot be contained is refused by a message that names the field', async () => {
    await expect(createPod('bare', 'devin', '  hostNetwork: true')).rejects.toThrow('spec.hostNetwork')
    await admin('create', 'serviceaccount', 'root')
    await expect(createPod('other', 'devin', '  serviceAccountName: root')).rejects.toThrow(
      'spec.serviceAccountName: "root" is not in spec.serviceAccounts',
    )
  })

  test('of a session that is being deleted is refused; a finalizer of somebody else is left to them', async () => {
    await kubectl(
      ada,
      ['create', '-f', '-'],
      sessionYaml('leaving').replace('namespace: agents}', 'namespace: agents, finalizers: [example.com/billing]}'),
    )
    await admin('delete', 'agentsession', 'leaving', '--wait=false')
    await expect(createPod('late', 'leaving')).rejects.toThrow('is being deleted')
    expect((await session('leaving')).metadata).toMatchObject({ finalizers: ['example.com/billing'] })
    await admin(
      'patch',
      'agentsession',
      'leaving',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/metadata/finalizers"}]',
    )
  })
})

describe('a workload', () => {
  const workload = (kind: string, apiVersion: string) => `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: hopeless, namespace: agents}
spec:
  template:
    metadata: {labels: {app: devin}}
    spec:
      hostNetwork: true
      restartPolicy: ${kind === 'Job' ? 'Never' : 'Always'}
      containers: [{name: main, image: agent:1}]
  ${kind === 'Job' || kind === 'ReplicationController' ? '' : 'selector: {matchLabels: {app: devin}}'}
  ${kind === 'StatefulSet' ? 'serviceName: devin' : ''}
`
  test.each([
    ['Deployment', 'apps/v1'],
    ['StatefulSet', 'apps/v1'],
    ['DaemonSet', 'apps/v1'],
    ['ReplicaSet', 'apps/v1'],
    ['ReplicationController', 'v1'],
    ['Job', 'batch/v1'],
  ])(
    'of kind %s, whose pods a session selects but cannot contain, is refused when it is applied',
    async (kind, api) => {
      await expect(kubectl(ada, ['create', '-f', '-'], workload(kind, api))).rejects.toThrow(
        `the pods of this ${kind} cannot be contained: spec.template.spec.hostNetwork`,
      )
    },
  )

  test('that schedules such Jobs is refused as well', async () => {
    const job = workload('Job', 'batch/v1')
      .slice(workload('Job', 'batch/v1').indexOf('spec:'))
      .replaceAll('\n', '\n    ')
    const cronJob = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: hopeless, namespace: agents}
spec:
  schedule: '* * * * *'
  jobTemplate:
    ${job}
`
    await expect(kubectl(ada, ['create', '-f', '-'], cronJob)).rejects.toThrow(
      'spec.jobTemplate.spec.template.spec.hostNetwork',
    )
  })

  test('that cannot be contained is let in while no session selects it', async () => {
    const created = kubectl(
      ada,
      ['create', '-f', '-'],
      workload('Deployment', 'apps/v1').replaceAll('app: devin', 'app: web'),
    )
    await expect(created).resolves.toContain('created')
  })

  test('that a session comes to select is judged when its template changes, and not when a note is added', async () => {
    await kubectl(ada, ['create', '-f', '-'], sessionYaml('web'))
    await conditionIs('agentsession/web', 'Ready', 'Ready')
    await kubectl(ada, ['-n', 'agents', 'annotate', 'deployment/hopeless', 'note=to-be-deleted'])
    const template = '{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}'
    await expect(
      kubectl(ada, ['-n', 'agents', 'patch', 'deployment', 'hopeless', '--type=merge', '-p', template]),
    ).rejects.toThrow('the pods of this Deployment cannot be contained: spec.template.spec.hostNetwork')
  })
})

describe('a sidecar', () => {
  let agent: Pod

  beforeAll(async () => {
    agent = (await apiserver.request('GET', `${core}/pods/agent`)) as Pod
  })

  test('is told the policy of its session by either replica, and every change of it', async () => {
    for (const operator of [one, two]) {
      const events = await (await clientOf(agent, operator)).events()
      expect(events.status).toBe(200)
      expect(await events.next((event) => event.type === 'policy')).toMatchObject({
        policy: { session: { name: 'devin', uid: (await session('devin')).metadata.uid }, suspended: false },
        pod: { name: 'agent', uid: agent.metadata['uid'] },
      })
      await kubectl(ada, [
        '-n',
        'agents',
        'patch',
        'agentsession',
        'devin',
        '--type=merge',
        '-p',
        '{"spec":{"suspended":true}}',
      ])
      expect(await events.next((event) => event.type === 'policy' && event.policy.suspended)).toBeDefined()
      await kubectl(ada, [
        '-n',
        'agents',
        'patch',
        'agentsession',
        'devin',
        '--type=merge',
        '-p',
        '{"spec":{"suspended":false}}',
      ])
      expect(await events.next((event) => event.type === 'policy' && !event.policy.suspended)).toBeDefined()
      events.close()
    }
  })

  test('is nobody with a token for another audience, of no pod, or of a pod that is gone', async () => {
    const status = async (token: string) =>
      (await (await createControlClient(apiserver, one, token)).call('/v1/heartbeat', beat(1))).status
    expect(await status(await podToken(apiserver, agent, { audience: 'https://kubernetes.default.svc' }))).toBe(401)
    expect(await status('aaaa.bbbb.cccc')).toBe(401)
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['chaperone'] } }
    const unbound = (await apiserver.request('POST', `${core}/serviceaccounts/default/token`, request)) as {
      status: { token: string }
    }
    expect(await status(unbound.status.token)).toBe(403)
    const gone = await createPod('gone', 'devin')
    const token = await podToken(apiserver, gone)
    expect(await status(token)).toBe(204)
    await admin('delete', 'pod', 'gone', '--grace-period=0', '--force')
    await waitFor('agentsession/devin', '.status.counters.pods', '1')
    expect(await status(token)).toBe(403)
  })

  test('reports to either replica, and its counters outlive it', async () => {
    const { requests: before = 0 } = (await session('devin')).status?.counters ?? {}
    const counted = await createPod('counted', 'devin')
    expect((await (await clientOf(counted, one)).call('/v1/heartbeat', beat(10))).status).toBe(204)
    await waitFor('agentsession/devin', '.status.counters.requests', String(before + 10))
    expect((await (await clientOf(counted, two)).call('/v1/heartbeat', beat(30))).status).toBe(204)
    await waitFor('agentsession/devin', '.status.counters.requests', String(before + 30))
    expect((await (await clientOf(agent, one)).call('/v1/heartbeat', beat(5))).status).toBe(204)
    await waitFor('agentsession/devin', '.status.counters.requests', String(before + 35))
    await admin('delete', 'pod', 'counted', '--grace-period=0', '--force')
    await waitFor('agentsession/devin', '.status.retired.requests', String(before + 30))
    expect((await session('devin')).status?.counters?.requests).toBe(before + 35)
  })

  test('that sends what is no report is told which field is wrong', async () => {
    const client = await clientOf(agent)
    expect(await client.call('/v1/heartbeat', '{')).toEqual({
      status: 400,
      text: expect.stringContaining('body: expected JSON'),
    })
    expect(await client.call('/v1/heartbeat', {})).toEqual({
      status: 400,
      text: expect.stringContaining('contained.ok'),
    })
    expect((await client.call('/v1/approvals', 'x'.repeat(5 * 1024 * 1024))).status).toBe(413)
  })

  test('asks once by whichever replica, and uses the answer once by whichever replica', async () => {
    const [first, second] = [await clientOf(agent, one), await clientOf(agent, two)]
    const events = await first.events()
    const [{ name }, same] = await Promise.all([asked(first, ask('a')), asked(second, ask('a'))])
    expect(same.name).toBe(name)
    const request = (await apiserver.request('GET', `${ours}/approvalrequests/${name}`)) as ApprovalRequest
    expect(request.metadata).toMatchObject({
      ownerReferences: [
        { kind: 'AgentSession', name: 'devin', uid: (await session('devin')).metadata.uid, controller: true },
      ],
    })
    await conditionIs(`approvalrequest/${name}`, 'Decided', 'Pending')

    await expect(decide(ada, name, { verdict: 'Approved' })).rejects.toThrow('the owner of the session cannot decide')
    await decide(bob, name, { verdict: 'Approved', reason: 'agreed', by: 'somebody-else' })
    expect(
      await events.next((event) => event.type === 'approval' && event.approval.outcome === 'Approved'),
    ).toMatchObject({ approval: { name, by: 'bob', reason: 'agreed' } })
    events.close()
    await conditionIs(`approvalrequest/${name}`, 'Decided', 'Approved')
    await expect(decide(bob, name, { verdict: 'Denied' })).rejects.toThrow('decision is set once and never changed')

    const uses = await Promise.all(
      [first, second, first, second].map((client) => client.call(`/v1/approvals/${name}/consume`, {})),
    )
    expect(uses.map((use) => use.status).sort()).toEqual([204, 409, 409, 409])
    expect((await asked(second, ask('a'))).name).toBe(`${name}-2`)
  })

  test('cannot see, use or withdraw what another pod asked for', async () => {
    const neighbour = await clientOf(await createPod('neighbour', 'devin'))
    const { name } = await asked(await clientOf(agent), ask('b'))
    for (const verb of ['consume', 'cancel'])
      expect((await neighbour.call(`/v1/approvals/${name}/${verb}`, {})).status).toBe(404)
    await admin('delete', 'pod', 'neighbour', '--grace-period=0', '--force')
  })

  test('is told that nobody decided in time, and a decision that comes later is refused', async () => {
    const client = await clientOf(agent)
    const events = await client.events()
    const { name } = await asked(client, ask('c', 1500))
    expect(
      await events.next((event) => event.type === 'approval' && event.approval.outcome === 'Expired'),
    ).toMatchObject({ approval: { name } })
    events.close()
    await expect(decide(bob, name, { verdict: 'Approved' })).rejects.toThrow('this request expired')
    expect((await client.call(`/v1/approvals/${name}/consume`, {})).status).toBe(409)
  })

  test('that is gone waits for nothing: what it asked for is cancelled', async () => {
    const pod = await createPod('brief', 'devin')
    const { name } = await asked(await clientOf(pod), ask('d'))
    await conditionIs(`approvalrequest/${name}`, 'Decided', 'Pending')
    await admin('delete', 'pod', 'brief', '--grace-period=0', '--force')
    await conditionIs(`approvalrequest/${name}`, 'Decided', 'Cancelled')
    const [row] = (await admin('get', 'approvalrequest', name, '--no-headers')).split('\n')
    expect(row).toMatch(new RegExp(`^${name}\\s+devin\\s+POST https://api.test/refunds\\s+Cancelled`))
  })

  test('cannot make use of a request that somebody else put under the name of its own', async () => {
    const digest = `${'e'.repeat(10)}${'0'.repeat(54)}`
    const uid = (await session('devin')).metadata.uid ?? ''
    const planted: object = {
      apiVersion: 'chaperone.dev/v1alpha1',
      kind: 'ApprovalRequest',
      metadata: { name: `devin-${'e'.repeat(10)}`, namespace: 'agents' },
      spec: {
        sessionRef: { name: 'devin', uid },
        podRef: { name: 'x', uid: 'x' },
        agent: { name: 'devin', owner: 'ada', serviceAccount: 'x' },
        rule: 'r',
        action: { protocol: 'HTTP', summary: 's', digest },
        grant: 'Session',
        expiresAt: '2099-01-01T00:00:00Z',
      },
    }
    await expect(apiserver.request('POST', `${ours}/approvalrequests`, planted)).rejects.toThrow(
      'only the operator creates approval requests',
    )
    const operator = await apiserver.kubeconfigForUser('system:serviceaccount:chaperone-system:chaperone-operator')
    await kubectl(operator, ['create', '-f', '-', '--validate=false'], JSON.stringify(planted))
    await decide(bob, `devin-${'e'.repeat(10)}`, { verdict: 'Approved' })
    expect(await asked(await clientOf(agent), ask('e'))).toMatchObject({
      name: `devin-${'e'.repeat(10)}-2`,
      outcome: 'Pending',
      digest: 'e'.repeat(64),
    })
  })
})

describe('a replica that loses the API server', () => {
  test('goes on with what it knows, and learns what it missed, though that is history by then', async () => {
    const agent = (await apiserver.request('GET', `${core}/pods/agent`)) as Pod
    const events = await (await clientOf(agent, two)).events()
    await events.next((event) => event.type === 'policy')
    proxy.refuse()
    proxy.cut()
    await kubectl(ada, [
      '-n',
      'agents',
      'patch',
      'agentsession',
      'devin',
      '--type=merge',
      '-p',
      '{"spec":{"egress":{"default":"Approve"}}}',
    ])
    await apiserver.compact()
    proxy.resume()
    expect(await events.next((event) => event.type === 'policy' && event.policy.default === 'Approve')).toBeDefined()
    events.close()
  })

  test('answers webhooks while the API server is slow to it', async () => {
    proxy.stall()
    // Of the two replicas either may be asked; several pods make sure of both.
    for (let each = 0; each < 6; each++) await createPod(`stalled-${each}`, 'devin')
    proxy.resume()
    proxy.cut()
  })

  test('that asks in vain says so, instead of calling the caller a stranger', async () => {
    proxy.refuse()
    proxy.cut()
    const fresh = await createPod('fresh', 'devin')
    expect((await (await clientOf(fresh, two)).call('/v1/heartbeat', beat(1))).status).toBe(500)
    proxy.resume()
  })
})

test('when the leader ends, the other leads, and no call to a webhook fails', async () => {
  const creating = new AbortController()
  const outcomes: string[] = []
  const load = (async () => {
    while (!creating.signal.aborted)
      outcomes.push(await createPod(`load-${outcomes.length}`, 'devin').then(() => 'created', String))
  })()
  await stopOperator(apiserver, one)
  await kubectl(ada, ['create', '-f', '-'], sessionYaml('after'))
  await conditionIs('agentsession/after', 'Ready', 'Ready')
  creating.abort()
  await load
  expect([new Set(outcomes), await two.metric('leader_election_master_status')]).toEqual([new Set(['created']), 1])
})
