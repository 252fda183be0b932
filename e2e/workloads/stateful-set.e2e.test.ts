// A StatefulSet with everything a pod may have: probes of each kind, hooks, named ports, init containers and sidecars of its
// own, a container that another injector adds. The cluster of the tests has no volumes to claim: a peer's data is an emptyDir.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { build } from 'esbuild'
import { createAgentNamespace } from '../harness/agents.ts'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, start } from '../harness/command.ts'
import { createNodeShell, type NodeShell } from '../harness/node-shell.ts'
import { auditVerify, collected } from '../harness/records.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { sessionFor } from '../main-journey/session.ts'
import { container, injector, template } from './objects.ts'

jest.setTimeout(240_000)

const namespace = `stateful-${process.pid}`
const shopNamespace = `stateful-shop-${process.pid}`
const nodeNamespace = `stateful-node-${process.pid}`
const directory = mkdtempSync(join(tmpdir(), 'workloads-'))
const kubectl: Kubectl = createKubectl()
let shop: Shop
let shopAddress: string
let node: NodeShell
/** Containers of Chaperone that have been killed. */
let restarted: string[] = []

/** Tries what passes the sidecar, and then all that would pass it by. */
const attempts = `
  curl -sS -o /dev/null -w "%{http_code}\\n" $API/by-$0
  curl -sS -o /dev/null -w "%{http_code}\\n" -X DELETE $API/by-$0
  echo stray | nc -u -w 1 $SHOP 8443
  ping -c 1 -W 1 $SHOP >/dev/null 2>&1 && echo an echo request went out
  echo stray | nc -w 2 $SHOP 8443
  true`

beforeAll(async () => {
  await installChaperone()
  const starting = createNodeShell(kubectl, nodeNamespace)
  shop = await createShop(kubectl, shopNamespace)
  shopAddress = await kubectl('get', 'pod', '-n', shopNamespace, 'orders-api', '-o', 'jsonpath={.status.podIP}')
  await createAgentNamespace(kubectl, namespace)
  const session = sessionFor(shop, namespace)
  const peers = { hosts: [`*.web.${namespace}.svc`], ports: [8080] }
  const rules = [
    ...session.spec.egress.rules,
    { name: 'peers', to: peers, match: { http: { methods: ['GET'] } }, action: 'Allow' },
  ]
  await kubectl.apply({ ...session, spec: { ...session.spec, egress: { ...session.spec.egress, rules } } })
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'agentsession/devin', '--timeout=60s')
  await addServer()
  await addInjector()
  await kubectl.apply(...statefulSet())
  await kubectl('rollout', 'status', '-n', namespace, 'statefulset/web', '--timeout=120s')
  node = await starting
})

afterAll(async () => {
  rmSync(directory, { recursive: true })
  await kubectl('delete', 'namespace', namespace, shopNamespace, nodeNamespace, '--wait=false')
  await kubectl('delete', 'mutatingadmissionpolicy,mutatingadmissionpolicybinding', namespace, '--ignore-not-found')
})

/** One file with its library, because the image of the agent has none. */
async function addServer(): Promise<void> {
  const outfile = join(directory, 'server.cjs')
  const entryPoints = [new URL('agent-server.mjs', import.meta.url).pathname]
  await build({ entryPoints, outfile, bundle: true, minify: true, platform: 'node', logLevel: 'error' })
  await kubectl('create', 'configmap', 'server', '-n', namespace, `--from-file=${outfile}`)
}

async function addInjector(): Promise<void> {
  const members = `image: "${image('chaperone-e2e-agent')}", imagePullPolicy: "IfNotPresent", command: ["sh", "-c", "trap exit TERM; sleep 100000 & wait"]`
  await kubectl.apply(...injector(namespace, { list: 'containers', name: 'log-shipper', members }))
  await kubectl('label', 'namespace', namespace, `injector=${namespace}`)
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe', namespace }, spec: template().spec }
  await eventually(
    () => kubectl.tryAdmit(pod),
    ({ stdout }) => stdout.includes('log-shipper'),
  )
}

function statefulSet(): object[] {
  const env = [
    { name: 'API', value: `https://${shop.apiHost}:8443` },
    { name: 'SHOP', value: shopAddress },
  ]
  const setup = container({ name: 'setup', env, command: ['sh', '-c', attempts, 'setup'] })
  const helping =
    'require("http").createServer((q, a) => a.end("helped")).listen(7070); process.on("SIGTERM", () => process.exit())'
  const helper = container({
    name: 'helper',
    restartPolicy: 'Always',
    command: ['node', '-e', helping],
    ports: [{ name: 'helper', containerPort: 7070 }],
    startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
    livenessProbe: { tcpSocket: { port: 'helper' }, periodSeconds: 2 },
  })
  const firstWords = 'until curl -sf 127.0.0.1:8080/; do sleep 0.1; done; curl -sS "$API/first-words?of=$(hostname)"'
  const agent = container({
    env,
    command: ['node', '/srv/server.cjs'],
    ports: [{ name: 'web', containerPort: 8080 }],
    startupProbe: { tcpSocket: { port: 'web' }, periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { httpGet: { port: 'web' }, periodSeconds: 1 },
    livenessProbe: { grpc: { port: 5000 }, periodSeconds: 1, failureThreshold: 3 },
    lifecycle: {
      postStart: { exec: { command: ['sh', '-c', firstWords] } },
      preStop: { httpGet: { port: 9191, path: '/last-words' } },
    },
    volumeMounts: [
      { name: 'server', mountPath: '/srv' },
      { name: 'data', mountPath: '/data' },
    ],
  })
  const pod = template({
    terminationGracePeriodSeconds: 20,
    initContainers: [setup, helper],
    containers: [agent],
    volumes: [
      { name: 'server', configMap: { name: 'server' } },
      { name: 'data', emptyDir: {} },
    ],
  })
  const selector = { matchLabels: { app: 'devin' } }
  const spec = { serviceName: 'web', replicas: 2, podManagementPolicy: 'Parallel', selector, template: pod }
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace },
      spec: { clusterIP: 'None', selector: { app: 'devin' }, ports: [{ port: 8080 }] },
    },
    { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'web', namespace }, spec },
  ]
}

const inContainer = (pod: string, name: string, ...args: string[]) =>
  command('kubectl', ['exec', '-n', namespace, pod, '-c', name, '--', ...args])
const inAgent = (pod: string, ...args: string[]) => inContainer(pod, 'agent', ...args)
const podField = (pod: string, path: string) => kubectl('get', 'pod', '-n', namespace, pod, '-o', `jsonpath={${path}}`)
const statusOf = (path: string) => [
  'curl',
  '-sS',
  '-o',
  '/dev/null',
  '-w',
  '%{http_code}',
  `https://${shop.apiHost}:8443${path}`,
]
const works = (pod: string, path: string) =>
  eventually(
    () => inAgent(pod, ...statusOf(path)),
    ({ stdout }) => stdout === '200',
    60_000,
  )
const paths = async () => (await shop.requests()).map(({ path }) => path)
/** What the audit trail has of a pod's requests: method, path and verdict. */
const recorded = async (uid: string): Promise<string[]> => {
  const { records } = await collected(kubectl, { uid })
  const requests = records.filter(({ kind }) => kind === 'request')
  return requests.map(({ attributes }) =>
    [
      attributes['http.request.method'],
      new URL(String(attributes['url.full'])).pathname,
      attributes['chaperone.decision'],
    ].join(' '),
  )
}

/** Runs `use` while a port of this machine leads to one of the pod. */
async function forwarded<T>(pod: string, port: number, use: (local: string) => Promise<T>): Promise<T> {
  const forward = start('kubectl', ['port-forward', '-n', namespace, pod, `:${port}`])
  try {
    const said = await new Promise<string>((resolve) =>
      forward.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    )
    return await use(/127\.0\.0\.1:(\d+)/.exec(said)?.[1] ?? '')
  } finally {
    forward.kill()
  }
}

describe('its pods', () => {
  test('become ready under their own names, by probes of every kind', async () => {
    for (const pod of ['web-0', 'web-1']) expect((await inAgent(pod, 'hostname')).stdout.trim()).toBe(pod)
  })

  test('spoke to the shop after they had started, by a hook', async () => {
    expect(await paths()).toEqual(expect.arrayContaining(['/first-words?of=web-0', '/first-words?of=web-1']))
  })

  test('find one another by name, as far as rules go', async () => {
    const ask = (...more: string[]) =>
      inAgent('web-0', 'curl', '-sS', '-m', '9', ...more, `http://web-1.web.${namespace}.svc:8080/from-web-0`)
    expect(await ask()).toMatchObject({ stdout: 'served' })
    expect((await ask('-X', 'POST')).stdout).toContain('NoRuleMatched')
  })

  test('reach a sidecar of the user by loopback', async () => {
    expect(await inAgent('web-0', 'curl', '-sS', 'http://127.0.0.1:7070/')).toMatchObject({ stdout: 'helped' })
  })
})

describe.each([
  ['an init container of the user', 'setup', () => kubectl('logs', '-n', namespace, 'web-0', '-c', 'setup')],
  [
    'a container that another injector added',
    'log-shipper',
    async () => {
      const script = `API=https://${shop.apiHost}:8443 SHOP=${shopAddress}; ${attempts}`
      return (await inContainer('web-0', 'log-shipper', 'sh', '-c', script, 'log-shipper')).stdout
    },
  ],
])('%s', (_, name, outputOf) => {
  test('is contained like the agent: what it may is done, what it may not is refused, and all else stops', async () => {
    expect((await outputOf()).split('\n').filter((line) => /^\d+$|went out/.test(line))).toEqual(['200', '403'])
    expect(await paths()).toContain(`/by-${name}`)
    expect(await shop.strays()).toEqual([])
  })

  test('is in the audit trail', async () => {
    const uid = await podField('web-0', '.metadata.uid')
    const seen = await eventually(
      () => recorded(uid),
      (lines) => lines.filter((line) => line.includes(`/by-${name} `)).length === 2,
      60_000,
    )
    expect(seen).toEqual(expect.arrayContaining([`GET /by-${name} allow`, `DELETE /by-${name} deny`]))
  })
})

test('what would have gone past the sidecar would have been seen', async () => {
  await node.run(`echo stray > /dev/tcp/${shopAddress}/8443; echo stray > /dev/udp/${shopAddress}/8443`)
  await eventually(
    () => shop.strays(),
    (strays) => strays.length === 2,
  )
})

describe('from outside', () => {
  test('declared ports are reached, of the agent and of its sidecar, and undeclared ones are not', async () => {
    const address = await podField('web-0', '.status.podIP')
    const get = (port: number) => node.run(`curl -sS -m 3 http://${address}:${port}/ || true`)
    expect([await get(8080), await get(7070), await get(9090)]).toEqual(['served', 'helped', ''])
  })

  test('port-forward leads to the ports of the agent, and to none of the sidecar', async () => {
    const get = (local: string) => command('curl', ['-sS', '-m', '5', `http://127.0.0.1:${local}/`])
    expect(await forwarded('web-0', 9090, get)).toMatchObject({ stdout: 'private' })
    for (const port of [15001, 15053]) expect(await forwarded('web-0', port, get)).not.toMatchObject({ code: 0 })
  })

  test('logs, exec, cp and attach work as ever', async () => {
    expect((await inAgent('web-0', 'echo', 'hello')).stdout).toBe('hello\n')
    const [to, from] = [join(directory, 'to'), join(directory, 'from')]
    writeFileSync(to, 'there and back')
    await kubectl('cp', '-n', namespace, '-c', 'agent', to, 'web-0:/data/copied')
    await kubectl('cp', '-n', namespace, '-c', 'agent', 'web-0:/data/copied', from)
    expect(readFileSync(from, 'utf8')).toBe('there and back')
    const attached = start('kubectl', ['attach', '-n', namespace, 'web-0', '-c', 'agent'])
    const heard = new Promise<string>((resolve) => {
      let text = ''
      attached.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()).includes('/heard') && resolve(text))
    })
    const asking = eventually(
      async () => {
        await inAgent('web-0', 'curl', '-sS', 'http://127.0.0.1:8080/heard')
        return Promise.race([heard, Promise.resolve('')])
      },
      (text) => text !== '',
    )
    await asking.finally(() => attached.kill())
    expect(await kubectl('logs', '-n', namespace, 'web-0', '-c', 'agent')).toContain('/heard')
  })

  test('nobody debugs the pod by a container more, nor attaches to the sidecar', async () => {
    const debug = [
      'debug',
      '-n',
      namespace,
      'web-0',
      `--image=${image('chaperone-e2e-agent')}`,
      '--target=agent',
      '--',
      'true',
    ]
    expect((await kubectl.try(...debug)).stderr).toContain(
      'ephemeral containers are not allowed in the pod of an agent',
    )
    const sidecar = ['-n', namespace, 'web-0', '-c', 'chaperone-sidecar']
    for (const intruding of [
      ['attach', ...sidecar],
      ['exec', ...sidecar, '--', 'true'],
    ])
      expect((await kubectl.try(...intruding)).stderr).toContain('nobody may exec into or attach to the sidecar')
  })
})

describe('a restart', () => {
  const authority = async () => (await inAgent('web-0', 'sha256sum', '/etc/chaperone/trust/ca.crt')).stdout
  const restarts = (name: string, list = 'initContainerStatuses') =>
    podField('web-0', `.status.${list}[?(@.name=="${name}")].restartCount`)

  test('of the agent, whose gRPC probe fails, leaves the sidecar and its certificates as they were', async () => {
    const before = await authority()
    await inAgent('web-0', 'curl', '-sS', 'http://127.0.0.1:8080/sick')
    await eventually(
      () => restarts('agent', 'containerStatuses'),
      (count) => count === '1',
      60_000,
    )
    await works('web-0', '/after-the-agent')
    expect([await restarts('chaperone-sidecar'), await authority()]).toEqual(['0', before])
  })

  test('of what Chaperone runs in the pod ends with an agent that works, under the same certificates', async () => {
    const before = await authority()
    const running = await podField('web-0', '.status.initContainerStatuses[?(@.state.running)].name')
    restarted = running.split(' ').filter((each) => each.startsWith('chaperone-'))
    expect(restarted).toContain('chaperone-sidecar')
    for (const name of restarted) {
      await node.kill(namespace, 'web-0', name)
      await eventually(
        () => restarts(name),
        (count) => count === '1',
        60_000,
      )
      await works('web-0', `/after-${name}`)
    }
    expect(await authority()).toBe(before)
  })
})

describe('the end of a pod', () => {
  const ended = async (uid: string) => {
    const trail = await eventually(
      () => collected(kubectl, { uid }),
      ({ records }) => records.some(({ kind }) => kind === 'session.ended'),
      90_000,
    )
    const { code, stdout } = await auditVerify(trail)
    expect([code, stdout]).toEqual([0, expect.stringContaining('WHOLE')])
  }

  test('by eviction: its last words, from a hook, pass the sidecar, and its audit trail is whole', async () => {
    const uid = await podField('web-0', '.metadata.uid')
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web-0', namespace } }
    const file = join(directory, 'eviction.json')
    writeFileSync(file, JSON.stringify(eviction))
    await kubectl('create', '--raw', `/api/v1/namespaces/${namespace}/pods/web-0/eviction`, '-f', file)
    await eventually(
      () => kubectl('get', 'pod', '-n', namespace, 'web-0', '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}'),
      (now) => now !== '' && now !== uid,
      60_000,
    )
    expect(await paths()).toContain('/last-words?of=web-0')
    await ended(uid)
    expect(await recorded(uid)).toEqual(
      expect.arrayContaining([
        'GET /after-the-agent allow',
        ...restarted.map((name) => `GET /after-${name} allow`),
        'GET /last-words allow',
      ]),
    )
  })

  test('by a restart of the StatefulSet, and a scale up: all pods work again', async () => {
    const uid = await podField('web-1', '.metadata.uid')
    await kubectl('rollout', 'restart', '-n', namespace, 'statefulset/web')
    await kubectl('rollout', 'status', '-n', namespace, 'statefulset/web', '--timeout=120s')
    await kubectl('scale', '-n', namespace, 'statefulset/web', '--replicas=3')
    await kubectl('rollout', 'status', '-n', namespace, 'statefulset/web', '--timeout=120s')
    for (const pod of ['web-0', 'web-1', 'web-2']) await works(pod, '/again')
    expect(await paths()).toContain('/last-words?of=web-1')
    await ended(uid)
  })
})
