// Every honest client works through Chaperone unchanged: it believes the sidecar by what admission injects, and by nothing else.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, type Result } from '../harness/command.ts'
import { documentedClients } from '../harness/documented-clients.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod } from '../main-journey/session.ts'
import { clients, type Client } from './clients.ts'
import { createOrigin, type Origin } from './origin.ts'

jest.setTimeout(240_000)

const namespace = `clients-${process.pid}`
const shopNamespace = `clients-shop-${process.pid}`
const kubectl: Kubectl = createKubectl()
let shop: Shop
let origin: Origin
const documented = documentedClients('Command lines and libraries')

/** What the container of each pod has in its environment. */
const environments = new Map<string, Map<string, string>>()
const outcomes = new Map<string, Promise<Result>>()

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  origin = await createOrigin(kubectl, shopNamespace)
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
    session(),
  )
  const pods = [
    clientsPod('agent', 1000),
    clientsPod('root', 0),
    clientsPod('alpine', 1000, 'chaperone-e2e-layout-alpine'),
    clientsPod('redhat', 1000, 'chaperone-e2e-layout-redhat'),
  ]
  await eventually(
    () => kubectl.tryApply(...pods),
    (answer) => answer.code === 0,
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod', '--all', '--timeout=120s')
  for (const { metadata } of pods) environments.set(metadata.name, await environmentOf(metadata.name))
  startAll()
})

afterAll(() => kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false'))

function session() {
  const to = { hosts: [origin.host], ports: [8443] }
  return {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin', namespace },
    spec: {
      agent: { name: 'devin', owner: 'ada' },
      selector: { matchLabels: { app: 'devin' } },
      egress: {
        caBundle: shop.caBundle + origin.caBundle,
        rules: [
          { name: 'api', to, match: { http: { paths: ['/*/customer'] } }, action: 'Allow', mask: ['pii'] },
          { name: 'registries', to, action: 'Allow' },
          { name: 'unread', to: { hosts: [origin.unreadHost], ports: [8443], tls: 'Passthrough' }, action: 'Allow' },
          {
            name: 'customers',
            to: { hosts: [shop.databaseHost], protocol: 'Postgres' },
            match: { sql: { verbs: ['Select'] } },
            action: 'Allow',
            credential: { secretRef: { name: 'orders-db' }, as: 'PostgresPassword', username: 'agent' },
            mask: ['pii'],
          },
        ],
      },
      masking: { profiles: [{ name: 'pii', detect: ['EmailAddress'] }] },
    },
  }
}

function clientsPod(name: string, uid: number, from = 'chaperone-e2e-clients') {
  const pod = agentPod(namespace, name)
  const [container] = pod.spec.containers
  const securityContext = { runAsUser: uid, runAsGroup: uid }
  return {
    ...pod,
    spec: { ...pod.spec, containers: [{ ...container, image: image(from), securityContext }] },
  }
}

const exec = (pod: string, ...args: string[]) =>
  command('kubectl', ['exec', '-n', namespace, pod, '--', ...args], { timeoutMs: 60_000 })

async function environmentOf(pod: string): Promise<Map<string, string>> {
  const { stdout } = await exec(pod, 'env')
  return new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  )
}

const podOf = ({ asRoot }: Client): string => (asRoot === true ? 'root' : 'agent')
const slugOf = ({ name }: Client): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')

/** Runs a client in an empty folder that is also its home, with these variables of its pod and no others. */
function runClient(client: Client, variables: readonly string[]): Promise<Result> {
  const environment = environments.get(podOf(client))
  const kept = ['PATH', ...variables].map((name) => `${name}=${environment?.get(name) ?? ''}`)
  const ours = [
    `ORIGIN=https://${origin.host}:8443/${slugOf(client)}`,
    `SLUG=${slugOf(client)}`,
    `HOST=${origin.host}:8443`,
    `DATABASE=${shop.databaseHost}`,
  ]
  const script = `HOME=$(mktemp -d) && export HOME && cd $HOME && ${client.script}`
  return exec(podOf(client), 'env', '-i', ...kept, ...ours, 'sh', '-c', script)
}

/** Three at a time: the machine has few cores, and a client that waits for the network leaves them to another. */
function startAll(): void {
  const queue = clients.flatMap((client) => {
    const all = [...(environments.get(podOf(client))?.keys() ?? [])].filter((name) => /^[A-Z_]+$/.test(name))
    const runs: [string, string[]][] = [
      ['injected', all],
      ['alone', client.variable === undefined ? [] : [client.variable]],
    ]
    if (client.variable !== undefined) runs.push(['none', []])
    return runs.map(([kind, variables]) => {
      const { promise, resolve } = Promise.withResolvers<Result>()
      outcomes.set(`${client.name} ${kind}`, promise)
      return async () => resolve(await runClient(client, variables))
    })
  })
  const worker = async () => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) await run()
  }
  for (let count = 0; count < 3; count++) void worker()
}

const outcome = async (client: Client, kind: string): Promise<Result> => {
  const result = await outcomes.get(`${client.name} ${kind}`)
  if (result === undefined) throw new Error(`${client.name} did not run`)
  return result
}
const worked = ({ code, stdout }: Result, { expected }: Client): boolean => code === 0 && stdout.includes(expected)

describe.each(clients.map((client) => [client.name, client] as const))('%s', (_name, client) => {
  test('makes its exchange with what is injected', async () => {
    expect(await outcome(client, 'injected')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(client.expected),
    })
  })
})

describe('what each client trusts by', () => {
  test('is enough alone', async () => {
    const failed = await Promise.all(
      clients.map(async (client) => {
        const result = await outcome(client, 'alone')
        return worked(result, client) ? [] : [{ client: client.name, ...result }]
      }),
    )
    expect(failed.flat()).toEqual([])
  })

  test('is needed, where it is a variable: without it the client refuses', async () => {
    const withVariable = clients.filter(({ variable }) => variable !== undefined)
    const trusting = await Promise.all(
      withVariable.map(async (client) => (worked(await outcome(client, 'none'), client) ? [client.name] : [])),
    )
    expect(trusting.flat()).toEqual([])
  })

  test('Java says on standard error which options it was given', async () => {
    const java = clients.find(({ name }) => name === 'Java HttpClient')!
    expect((await outcome(java, 'injected')).stderr).toMatch(/^Picked up JAVA_TOOL_OPTIONS: .*cacerts\.jks/)
  })
})

describe('TLS is intercepted', () => {
  test('a server that passes unread is refused: no client here knows its authority', async () => {
    const { stderr } = await exec('agent', 'curl', '-sS', `https://${origin.unreadHost}:8443/curl/customer`)
    expect(stderr).toContain('curl: (60)')
  })

  test('the requests of every client reached the server', async () => {
    await Promise.all(outcomes.values())
    const seen = new Set((await origin.requests()).map(({ client }) => client))
    const overHttps = clients.filter(({ name }) => name !== 'psql').map(slugOf)
    expect(overHttps.filter((slug) => !seen.has(slug))).toEqual([])
  })

  test('a program with compiled-in roots refuses, for which there is Passthrough', async () => {
    const url = `https://${origin.host}:8443/webpki/customer`
    const { code, stderr } = await exec('agent', '/opt/programs/fetch-rust', 'webpki-roots', url)
    expect([code, stderr]).toEqual([1, expect.stringContaining('UnknownIssuer')])
  })
})

describe('what clients do with HTTP works', () => {
  const curl = async (path: string, script: string) => {
    const { stdout, stderr } = await exec(
      'agent',
      'sh',
      '-c',
      `cd $(mktemp -d) && ${script} https://${origin.host}:8443/http/${path}`,
    )
    return stdout + stderr
  }

  test('HTTP/2, although the server has none', async () => {
    expect(await curl('customer', `curl -sS -o /dev/null -w '%{http_version}'`)).toBe('2')
  })

  test('an upload of unknown length that waits for 100 Continue', async () => {
    const upload = `head -c 3000000 /dev/zero | curl -sS --http1.1 -H 'Expect: 100-continue' -T -`
    expect(await curl('upload', upload)).toBe('3000000')
  })

  test('a range of a download', async () => {
    expect(await curl('digits', 'curl -sS -r 4-6')).toBe('456')
  })

  test('a HEAD', async () => {
    expect(await curl('digits', 'curl -sSI')).toMatch(/^HTTP\/2 200/)
  })
})

test('who applies a pod with a bundle of its own is warned that it stays', async () => {
  const pod = clientsPod('own', 1000)
  const [container] = pod.spec.containers
  const env = [{ name: 'SSL_CERT_FILE', value: '/mine.crt' }]
  const { code, stdout, stderr } = await kubectl.tryAdmit({
    ...pod,
    spec: { ...pod.spec, containers: [{ ...container, env }] },
  })
  expect([code, stderr]).toEqual([0, expect.stringContaining('Warning: spec.containers[0].env: kept SSL_CERT_FILE')])
  expect(stdout).toContain('/mine.crt')
})

describe('other layouts of an image', () => {
  const plain = ['env', '-i', 'PATH=/bin:/usr/bin']
  // Reads a list that the server does not have to mean: what counts is that it is read.
  const uv = ['uv', 'python', 'list', '--no-cache', '--python-downloads-json-url']

  test('Alpine: a client linked against musl trusts by its variable', async () => {
    const { code, stderr } = await exec('alpine', ...uv, `https://${origin.host}:8443/alpine/empty.json`)
    expect([code, stderr]).toEqual([0, ''])
  })

  test('Alpine: and by the bundle of the system, with no variable at all', async () => {
    const url = `https://${origin.host}:8443/alpine-bundle/empty.json`
    const { code, stderr } = await exec('alpine', ...plain, 'UV_SYSTEM_CERTS=1', 'HOME=/tmp', ...uv, url)
    expect([code, stderr]).toEqual([0, ''])
  })

  test('Red Hat: OpenSSL, which looks below /etc/pki, trusts with no variable at all', async () => {
    const url = `https://${origin.host}:8443/redhat/customer`
    const program = 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())'
    expect(await exec('redhat', ...plain, 'python3', '-c', program, url)).toMatchObject({
      stdout: '{"customer":"[REDACTED:EmailAddress]"}\n',
    })
  })
})

describe('docs/clients.md', () => {
  test('lists these clients and no others, with what they trust by', () => {
    const rows = documented.map(({ client, trustsBy, works }) => ({ client, trustsBy, works }))
    expect(rows).toEqual(
      clients.map(({ name, variable }) => ({
        client: name,
        trustsBy: variable === undefined ? 'system bundle' : `\`${variable}\``,
        works: 'yes',
      })),
    )
  })

  test('names the versions that ran', async () => {
    const script = clients
      .map(({ version }, index) => `echo "@${index} $( ( ${version} ) 2>/dev/null | tr '\\n' ' ')"`)
      .join('\n')
    const { stdout } = await exec('agent', 'sh', '-c', script)
    const ran = stdout.split('\n@').map((text) => text.trim())
    const wrong = clients.flatMap(({ name }, index) => {
      const version = documented.find(({ client }) => client === name)?.version ?? 'no row'
      return ran[index]?.includes(version) === true ? [] : [{ name, version, ran: ran[index] }]
    })
    expect(wrong).toEqual([])
  })
})
