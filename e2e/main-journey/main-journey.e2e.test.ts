import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, output, type Result } from '../harness/command.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod, sessionFor } from './session.ts'

jest.setTimeout(180_000)

const namespace = `agents-${process.pid}`
const shopNamespace = `shop-${process.pid}`
const kubectl: Kubectl = createKubectl()
const reviewer = kubectl.as('bob', 'reviewers')
const cli = new URL('../../dist/cli/cli.mjs', import.meta.url).pathname
const directory = mkdtempSync(join(tmpdir(), 'journey-'))
let shop: Shop

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  await kubectl.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'chaperone.dev/injection': 'enabled' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'orders-db', namespace },
      stringData: { password: shop.databasePassword },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reviewers', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'chaperone-reviewer' },
      subjects: [
        { kind: 'Group', name: 'reviewers' },
        { kind: 'User', name: 'ada' },
        { kind: 'User', name: 'bob' },
        { kind: 'ServiceAccount', name: 'default', namespace },
      ],
    },
  )
  await kubectl.apply(sessionFor(shop, namespace))
  await eventually(
    () =>
      kubectl(
        'get',
        'agentsessions',
        '-n',
        namespace,
        'devin',
        '-o',
        'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
      ),
    (ready) => ready === 'True',
  )
  await kubectl.apply(agentPod(namespace, 'agent'))
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/agent', '--timeout=60s')
})

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false')
  rmSync(directory, { recursive: true })
})

const inAgent = (...args: string[]): Promise<Result> =>
  command('kubectl', ['exec', '-n', namespace, 'agent', '--', ...args])
const api = (path: string) => `https://${shop.apiHost}:8443${path}`
const curl = async (...args: string[]) => {
  const { stdout, stderr } = await inAgent('curl', '-sS', '--max-time', '70', '-w', '\n%{http_code}', ...args)
  const lines = stdout.split('\n')
  return { status: Number(lines.at(-1)), body: lines.slice(0, -1).join('\n'), stderr }
}
const pending = () =>
  kubectl('get', 'approvalrequests', '-n', namespace, '-o', 'json').then((text) =>
    (
      JSON.parse(text) as {
        items: {
          metadata: { name: string }
          spec: { action: { summary: string; detail?: string } }
          status?: { conditions?: { type: string; reason: string }[] }
        }[]
      }
    ).items.filter((item) =>
      item.status?.conditions?.some((condition) => condition.type === 'Decided' && condition.reason === 'Pending'),
    ),
  )
const pendingRefunds = () =>
  pending().then((items) => items.filter((item) => item.spec.action.summary.includes('/refunds')))
const plugin = (as: string[], ...args: string[]) =>
  command('node', [cli, ...args, '-n', namespace, '--kubeconfig', as[0] ?? ''])

/** A kubeconfig that acts as somebody else, as the plug-in has no --as. */
async function kubeconfigAs(user: string, ...groups: string[]): Promise<string> {
  const config = JSON.parse(await output('kubectl', ['config', 'view', '--raw', '--minify', '-o', 'json'])) as {
    users: { user: object }[]
  }
  for (const entry of config.users)
    Object.assign(entry.user, { as: user, 'as-groups': [...groups, 'system:authenticated'] })
  const file = join(directory, `${user.replaceAll(':', '-')}.kubeconfig`)
  writeFileSync(file, JSON.stringify(config))
  return file
}

describe('an ordinary agent pod', () => {
  test('gets sidecar and verify as native sidecars, and keeps its own image and command', async () => {
    const pod = JSON.parse(await kubectl('get', 'pod', '-n', namespace, 'agent', '-o', 'json')) as {
      spec: {
        initContainers: { name: string; restartPolicy?: string }[]
        containers: { command: string[] }[]
        automountServiceAccountToken: boolean
      }
    }
    expect(
      pod.spec.initContainers.map((container) => `${container.name} ${container.restartPolicy ?? ''}`.trim()),
    ).toEqual(['chaperone-sidecar Always', 'chaperone-verify Always'])
    expect(pod.spec.containers[0]?.command).toEqual(['sleep', '100000'])
    expect(pod.spec.automountServiceAccountToken).toBe(false)
  })

  test('has no way around', async () => {
    const database = await kubectl('get', 'pod', '-n', shopNamespace, 'orders-db', '-o', 'jsonpath={.status.podIP}')
    expect((await inAgent('ping', '-c1', '-W1', database)).code).not.toBe(0)
    // The guard leads a few datagrams to the sidecar, for the record, and refuses the others.
    const datagrams = `for i in {1..10}; do echo x > /dev/udp/${database}/9999; done`
    expect((await inAgent('bash', '-c', datagrams)).stderr).toContain('Operation not permitted')
    const direct = await inAgent('curl', '-sS', '--max-time', '5', '-k', `https://${database}:5432/`)
    expect(direct.stdout).toContain('NoRuleMatched')
    expect((await inAgent('ls', '/var/run/secrets/kubernetes.io')).code).not.toBe(0)
  })

  test('reaches an allowed API and sees e-mail addresses and card numbers masked', async () => {
    const { status, body } = await curl(api('/orders/1'))
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({
      customer: '[REDACTED:EmailAddress]',
      card: '[REDACTED:CreditCard]',
      total: 12.5,
    })
  })

  test('is told which rule denies, why, and what to do; nothing reaches the API', async () => {
    const denied = await curl('-X', 'DELETE', api('/orders/1'))
    expect(denied.status).toBe(403)
    expect(JSON.parse(denied.body)).toMatchObject({
      reason: 'RuleDenied',
      rule: 'AgentSession/devin#no-delete',
      detail: 'orders are never deleted by agents',
      next: expect.stringContaining('Do not retry'),
    })
    const unnamed = await curl('https://pastebin.example/')
    expect(unnamed.status).toBe(403)
    expect(JSON.parse(unnamed.body)).toMatchObject({ reason: 'NoRuleMatched' })
    expect((await shop.requests()).filter((request) => request.method === 'DELETE')).toEqual([])
  })
})

describe('an approval', () => {
  test('holds the call until another user approves; the owner and the agent itself are refused', async () => {
    const held = curl('-d', 'amount=50', api('/refunds'))
    const [request] = await eventually(pendingRefunds, (items) => items.length > 0)
    const name = request!.metadata.name
    expect(await kubectl('get', 'approvalrequests', '-n', namespace)).toContain(
      `POST https://${shop.apiHost}:8443/refunds`,
    )
    expect((await shop.requests()).filter((each) => each.path === '/refunds')).toEqual([])

    const owner = await plugin([await kubeconfigAs('ada', 'reviewers')], 'approve', name)
    expect([owner.code, owner.stderr]).toEqual([1, expect.stringContaining('the owner of the session cannot decide')])
    const agent = await plugin(
      [await kubeconfigAs(`system:serviceaccount:${namespace}:default`, 'system:serviceaccounts')],
      'approve',
      name,
    )
    expect([agent.code, agent.stderr]).toEqual([1, expect.stringContaining('the agent and the operator cannot decide')])
    const stranger = await plugin([await kubeconfigAs('mallory')], 'approve', name)
    expect(stranger.code).toBe(1)
    expect((await shop.requests()).filter((each) => each.path === '/refunds')).toEqual([])

    const approved = await plugin(
      [await kubeconfigAs('bob', 'reviewers')],
      'approve',
      name,
      '--reason',
      'customer called',
    )
    expect([approved.code, approved.stdout]).toEqual([0, `approvalrequest/${name} approved\n`])
    expect(await held).toMatchObject({ status: 200, body: '{"refunded":true}' })
    expect((await shop.requests()).filter((each) => each.path === '/refunds')).toEqual([
      { method: 'POST', path: '/refunds', body: 'amount=50', authorization: null },
    ])
    const decided = JSON.parse(await kubectl('get', 'approvalrequest', '-n', namespace, name, '-o', 'json')) as {
      spec: { decision: object }
    }
    expect(decided.spec.decision).toMatchObject({ verdict: 'Approved', by: 'bob', reason: 'customer called' })
  })

  test('times out as pending; the identical retry passes once approved, another body does not', async () => {
    const first = await curl('-D', '-', '-d', 'amount=7', api('/later'))
    expect(first.status).toBe(423)
    expect(first.body).toMatch(/retry-after: \d+/i)
    const problem = JSON.parse(first.body.slice(first.body.indexOf('{'))) as {
      reason: string
      approval: { id: string }
    }
    expect(problem.reason).toBe('ApprovalPending')
    const again = await curl('-d', 'amount=7', api('/later'))
    expect(JSON.parse(again.body)).toMatchObject({ approval: { id: problem.approval.id } })
    expect((await plugin([await kubeconfigAs('bob', 'reviewers')], 'approve', problem.approval.id)).code).toBe(0)
    expect(JSON.parse((await curl('-d', 'amount=8', api('/later'))).body)).toMatchObject({
      reason: 'ApprovalPending',
      approval: { id: expect.not.stringMatching(problem.approval.id) },
    })
    expect((await curl('-d', 'amount=7', api('/later'))).status).toBe(200)
    expect((await shop.requests()).filter((each) => each.path === '/later').map((each) => each.body)).toEqual([
      'amount=7',
    ])
  })

  test('that is denied tells the agent the reason', async () => {
    const held = curl('-d', 'amount=666', api('/refunds'))
    const [request] = await eventually(pendingRefunds, (items) => items.length > 0)
    await reviewer(
      'patch',
      'approvalrequest',
      '-n',
      namespace,
      request!.metadata.name,
      '--type=merge',
      '-p',
      '{"spec":{"decision":{"verdict":"Denied","reason":"too much","by":"somebody else"}}}',
    )
    const { status, body } = await held
    expect(status).toBe(403)
    expect(JSON.parse(body)).toMatchObject({ reason: 'ApprovalDenied', detail: expect.stringContaining('too much') })
    const decided = JSON.parse(
      await kubectl('get', 'approvalrequest', '-n', namespace, request!.metadata.name, '-o', 'json'),
    ) as { spec: { decision: object } }
    expect(decided.spec.decision).toMatchObject({ by: 'bob' })
    const twice = await reviewer.try(
      'patch',
      'approvalrequest',
      '-n',
      namespace,
      request!.metadata.name,
      '--type=merge',
      '-p',
      '{"spec":{"decision":{"verdict":"Approved"}}}',
    )
    expect(twice.stderr).toContain('decision is set once')
  })
})

describe('plain psql', () => {
  const psql = (...statements: string[]) =>
    inAgent(
      'psql',
      '-h',
      shop.databaseHost,
      '-U',
      'whoever',
      '-d',
      'postgres',
      '-At',
      ...statements.flatMap((statement) => ['-c', statement]),
    )

  test('reads with a password that the agent does not have, a masked column masked', async () => {
    const { stdout, stderr, code } = await psql(
      'select id, name, name as alias, email, note from customers order by id',
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(
      '1|[REDACTED:Column]|[REDACTED:Column]|[REDACTED:EmailAddress]|calls from [REDACTED:PhoneNumber]\n2|[REDACTED:Column]|[REDACTED:Column]|[REDACTED:EmailAddress]|none\n',
    )
  })

  test('is refused a DELETE by SQLSTATE 42501 and goes on; the server never sees it', async () => {
    const { stdout, stderr } = await inAgent(
      'bash',
      '-c',
      `printf '%s\\n' '\\set VERBOSITY verbose' 'delete from customers;' 'select count(*) from customers;' | psql -h ${shop.databaseHost} -U agent -d postgres -At`,
    )
    expect(stderr).toContain('42501')
    expect(stderr).toContain('HINT')
    expect(stdout).toBe('2\n')
    expect((await shop.statements()).filter((line) => line.includes('delete from customers'))).toEqual([])
  })

  test('uses the extended protocol as well', async () => {
    const { stdout, stderr } = await inAgent(
      'bash',
      '-c',
      `printf '%s\\n' 'select id, email from customers where id = $1 \\bind 2 \\g' 'delete from customers where id = $1 \\bind 2 \\g' 'select 7;' | psql -h ${shop.databaseHost} -U agent -d postgres -At`,
    )
    if (stderr.includes('invalid command')) return expect(stderr).toContain('\\bind')
    expect(stdout).toBe('2|[REDACTED:EmailAddress]\n7\n')
  })
})

describe('what people see', () => {
  test('kubectl get agentsessions is a dashboard', async () => {
    const counted = await eventually(
      () => kubectl('get', 'agentsessions', '-n', namespace, '-o', 'wide'),
      (text) => /devin\s+ada\s+True\s+1\s+[1-9]\d*\s+[1-9]\d*/.test(text),
    )
    expect(counted.split('\n')[0]).toMatch(/^NAME\s+OWNER\s+READY\s+PODS\s+REQUESTS\s+DENIED\s+PENDING\s+MASKED\s+AGE/)
    const described = await kubectl('describe', 'agentsession', '-n', namespace, 'devin')
    expect(described).toContain('none was open')
    expect(described).toMatch(/Events:[^]*chaperone\.dev\/operator/)
  })

  test("the collector's output is a whole chain, and any damage to it is named", async () => {
    await curl(api('/orders/last'))
    const file = join(directory, 'audit.jsonl')
    const uid = await kubectl('get', 'pod', '-n', namespace, 'agent', '-o', 'jsonpath={.metadata.uid}')
    const exported = async () =>
      (await kubectl('logs', '-n', 'chaperone-system', 'deploy/chaperone-collector'))
        .split('\n')
        .filter((line) => line.includes(uid))
    const lastSequence = (lines: string[]) =>
      Math.max(
        ...(lines.join('\n').match(/"chaperone\.seq","value":\{"intValue":"\d+/g) ?? []).map((match) =>
          Number(/\d+$/.exec(match)?.[0]),
        ),
      )
    const known = () =>
      kubectl('get', 'agentsession', '-n', namespace, 'devin', '-o', 'jsonpath={.status.pods[0].audit.sequence}').then(
        Number,
      )
    const lines = await eventually(
      async () => ({ lines: await exported(), known: await known() }),
      (answer) => lastSequence(answer.lines) === answer.known,
    ).then((answer) => answer.lines)
    const verify = async (content: string[]) => {
      writeFileSync(file, `${content.join('\n')}\n`)
      return command('node', [cli, 'audit', 'verify', file, '--session', 'devin', '-n', namespace])
    }
    const whole = await verify(lines)
    expect([whole.code, whole.stdout]).toEqual([0, expect.stringContaining('WHOLE')])
    expect(lines.join('\n')).not.toMatch(/ada@customer|4111 1111|db-s3cret/)

    const middle = Math.floor(lines.length / 2)
    expect(
      (await verify(lines.with(middle, lines[middle]!.replace(/"chaperone\.(\w+)"/, '"chaperone.x$1"')))).stdout,
    ).toMatch(/BAD[^]*(altered|unreadable|missing)/)
    expect((await verify(lines.toSpliced(middle, 1))).stdout).toMatch(/BAD[^]*missing/)
    expect((await verify(lines.with(middle, lines[middle - 1]!).with(middle - 1, lines[middle]!))).stdout).toMatch(
      /BAD[^]*missing/,
    )
    const cut = await verify(lines.slice(0, -1))
    expect([cut.code, cut.stdout]).toEqual([1, expect.stringMatching(/BAD[^]*truncated/)])
  })
})

describe('while agents run', () => {
  test('an edited rule, a suspension and a deletion take effect without a restart', async () => {
    const path = () => curl(api('/edited'))
    expect((await path()).status).toBe(200)
    await kubectl(
      'patch',
      'agentsession',
      '-n',
      namespace,
      'devin',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/egress/rules/0/action","value":"Deny"}]',
    )
    await eventually(path, (answer) => answer.status === 403)
    await kubectl(
      'patch',
      'agentsession',
      '-n',
      namespace,
      'devin',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/egress/rules/0/action","value":"Allow"}]',
    )
    await eventually(path, (answer) => answer.status === 200)
    await kubectl(
      'patch',
      'agentsession',
      '-n',
      namespace,
      'devin',
      '--type=merge',
      '-p',
      '{"spec":{"suspended":true}}',
    )
    const suspended = await eventually(path, (answer) => answer.status === 403)
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
    await eventually(path, (answer) => answer.status === 200)
    expect(
      await kubectl(
        'get',
        'pod',
        '-n',
        namespace,
        'agent',
        '-o',
        'jsonpath={.status.initContainerStatuses[*].restartCount}',
      ),
    ).toBe('0 0')
    await kubectl('delete', 'agentsession', '-n', namespace, 'devin')
    await eventually(path, (answer) => answer.status === 403 || answer.status === 503)
  })
})

describe('bad input is refused by a message that names the field', () => {
  const broken = (spec: object) =>
    kubectl.tryApply({
      ...sessionFor(shop, namespace),
      metadata: { name: 'broken', namespace },
      spec: { ...sessionFor(shop, namespace).spec, selector: { matchLabels: { app: 'nobody' } }, ...spec },
    })
  const rule = (extra: object) => ({
    egress: { rules: [{ name: 'r', to: { hosts: ['a.example'] }, action: 'Allow', ...extra }] },
  })

  test.each([
    ['an unknown field', { egres: {} }, 'spec.egres'],
    ['a bad host pattern', rule({ to: { hosts: ['https://a'] } }), 'spec.egress.rules[0].to.hosts[0]'],
    [
      'an unknown detector',
      { masking: { profiles: [{ name: 'p', detect: ['Emial'] }] } },
      'spec.masking.profiles[0].detect[0]',
    ],
    [
      'a match of another protocol',
      rule({ match: { sql: { verbs: ['Select'] } } }),
      'match.sql needs to.protocol: Postgres',
    ],
  ])('%s', async (_name, spec, field) => {
    const { code, stderr } = await broken(spec)
    expect(code).not.toBe(0)
    expect(stderr).toContain(field)
  })

  test('a policy that does not exist is a condition, and denies', async () => {
    expect((await broken({ policies: [{ name: 'gone' }] })).code).toBe(0)
    const message = await eventually(
      () =>
        kubectl(
          'get',
          'agentsession',
          '-n',
          namespace,
          'broken',
          '-o',
          'jsonpath={.status.conditions[?(@.type=="PolicyResolved")].message}',
        ),
      (text) => text !== '',
    )
    expect(message).toContain('spec.policies[0]: EgressPolicy "gone" not found')
    await kubectl('delete', 'agentsession', '-n', namespace, 'broken')
  })

  test('a pod that two sessions select, and one that cannot be contained, are refused', async () => {
    const second = sessionFor(shop, namespace)
    await kubectl.apply(
      { ...second, metadata: { name: 'twin-a', namespace } },
      { ...second, metadata: { name: 'twin-b', namespace } },
    )
    const refused = await eventually(
      () => kubectl.tryApply(agentPod(namespace, 'twin')),
      (answer) => answer.stderr.includes('twin-b'),
    )
    expect(refused.stderr).toMatch(/AgentSessions select this pod \(.*twin-a, twin-b\)/)
    const pod = agentPod(namespace, 'escaping', { hostNetwork: true })
    const labelled = { ...pod, metadata: { ...pod.metadata, labels: { 'chaperone.dev/session': 'twin-a' } } }
    const escaping = await kubectl.tryApply(labelled)
    expect(escaping.stderr).toContain('spec.hostNetwork')
  })
})
