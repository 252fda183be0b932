// Trust reaches any image without changing it, and a client that does not trust is found out.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually } from '../harness/command.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { agentPod } from '../main-journey/session.ts'

jest.setTimeout(180_000)

const namespace = `trust-${process.pid}`
const shopNamespace = `trust-shop-${process.pid}`
const pinnedHost = `pinned.${shopNamespace}.svc`
const kubectl: Kubectl = createKubectl()
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
      kind: 'Service',
      metadata: { name: 'pinned', namespace: shopNamespace },
      spec: { selector: { app: 'orders-api' }, ports: [{ port: 8443 }] },
    },
    {
      apiVersion: 'chaperone.dev/v1alpha1',
      kind: 'AgentSession',
      metadata: { name: 'devin', namespace },
      spec: {
        agent: { name: 'devin', owner: 'ada' },
        selector: { matchLabels: { app: 'devin' } },
        egress: {
          caBundle: shop.caBundle,
          rules: [
            { name: 'api', to: { hosts: [shop.apiHost], ports: [8443] }, action: 'Allow' },
            { name: 'pinned', to: { hosts: [pinnedHost], ports: [8443], tls: 'Passthrough' }, action: 'Allow' },
          ],
        },
      },
    },
  )
  const pods = [
    agentPod(namespace, 'agent'),
    pod('stranger-uid', { securityContext: { runAsUser: 4711, runAsGroup: 4711, readOnlyRootFilesystem: true } }),
    // No shell, no package manager, no curl: Node and nothing else.
    pod('shell-less', { image: image('chaperone-control'), command: ['node', '-e', 'setInterval(() => {}, 1e6)'] }),
  ]
  await eventually(
    () => kubectl.tryApply(...pods),
    (answer) => answer.code === 0,
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod', '--all', '--timeout=90s')
})

afterAll(() => kubectl('delete', 'namespace', namespace, shopNamespace, '--wait=false'))

function pod(name: string, container: object) {
  const plain = agentPod(namespace, name)
  return { ...plain, spec: { ...plain.spec, containers: [{ ...plain.spec.containers[0], ...container }] } }
}

const exec = (name: string, ...args: string[]) => command('kubectl', ['exec', '-n', namespace, name, '--', ...args])
const url = () => `https://${shop.apiHost}:8443/orders/1`
const curl = (name: string, ...before: string[]) =>
  exec(name, ...before, 'curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', url())

describe('a client trusts the sidecar', () => {
  test('by its variables', async () => {
    expect(await curl('agent')).toMatchObject({ stdout: '200', stderr: '' })
  })

  test('by the bundle of its system, with no variable at all', async () => {
    expect(await curl('agent', 'env', '-i', 'PATH=/usr/bin:/bin')).toMatchObject({ stdout: '200', stderr: '' })
  })

  test('as a uid that the image does not know, on a read-only root', async () => {
    expect(await curl('stranger-uid')).toMatchObject({ stdout: '200', stderr: '' })
    expect(await curl('stranger-uid', 'env', '-i', 'PATH=/usr/bin:/bin')).toMatchObject({ stdout: '200' })
  })

  test('in an image without a shell', async () => {
    const script = `fetch(${JSON.stringify(url())}).then((answer) => console.log(answer.status))`
    expect(await exec('shell-less', 'node', '-e', script)).toMatchObject({ stdout: '200\n' })
  })

  test('at the places where other distributions keep their bundle', async () => {
    const places = [
      '/etc/pki/tls/certs/ca-bundle.crt',
      '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
      '/etc/ssl/cert.pem',
    ]
    for (const place of places)
      expect(await exec('agent', 'openssl', 'verify', '-CAfile', place, '/etc/chaperone/trust/ca.crt')).toMatchObject({
        code: 0,
      })
  })
})

test('a client that refuses our certificate is found out: an event on its pod says what to do', async () => {
  const roots =
    'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=own -keyout /tmp/own.key -out /tmp/own.crt 2>/dev/null'
  const refused = await exec('agent', 'sh', '-c', `${roots} && curl -sS --cacert /tmp/own.crt ${url()}`)
  expect(refused.stderr).toContain('curl: (60)')
  const described = await eventually(
    () =>
      kubectl(
        'get',
        'events.events.k8s.io',
        '-n',
        namespace,
        '-o',
        'jsonpath={range .items[*]}{.reason} {.regarding.name} {.note}{"\\n"}{end}',
      ),
    (text) => text.includes('CertificateRefused'),
    60_000,
  )
  expect(described).toMatch(new RegExp(`CertificateRefused agent .*${shop.apiHost}:8443 .*to.tls: Passthrough`))
})

describe('a host that passes unread', () => {
  const issuer = (host: string) =>
    exec(
      'agent',
      'sh',
      '-c',
      `openssl s_client -connect ${host}:8443 -servername ${host} </dev/null 2>/dev/null | openssl x509 -noout -issuer`,
    )

  test('shows its own certificate, where others show ours', async () => {
    expect((await issuer(shop.apiHost)).stdout).toContain('Chaperone')
    expect((await issuer(pinnedHost)).stdout).not.toContain('Chaperone')
  })

  test('answers, and the record tells the destination and nothing of the content', async () => {
    const secret = `secret-${process.pid}`
    expect(
      await exec(
        'agent',
        'curl',
        '-sSk',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        `https://${pinnedHost}:8443/orders/${secret}`,
      ),
    ).toMatchObject({ stdout: '200' })
    expect((await shop.requests()).map(({ path }) => path)).toContain(`/orders/${secret}`)
    const records = await eventually(
      () => kubectl('logs', '-n', 'chaperone-system', 'deploy/chaperone-collector', '--tail=-1'),
      (text) => text.split('\n').some((line) => line.includes('chaperone.passthrough') && line.includes(pinnedHost)),
    )
    expect(records).not.toContain(secret)
  })

  test('is reached by its own name alone', async () => {
    const other = await exec(
      'agent',
      'sh',
      '-c',
      `openssl s_client -connect ${pinnedHost}:8443 -servername ${shop.apiHost} </dev/null`,
    )
    expect(other.code).not.toBe(0)
  })
})
