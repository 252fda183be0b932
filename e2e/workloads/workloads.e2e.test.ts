// Every kind of workload that makes pods of agents: works, or says early and on its owner why not.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, start } from '../harness/command.ts'
import { createShop, type Shop } from '../harness/shop.ts'
import { sessionFor } from '../main-journey/session.ts'

jest.setTimeout(240_000)

const namespace = `workloads-${process.pid}`
const required = `workloads-required-${process.pid}`
const shopNamespace = `workloads-shop-${process.pid}`
const kubectl: Kubectl = createKubectl()
let shop: Shop

beforeAll(async () => {
  await installChaperone()
  shop = await createShop(kubectl, shopNamespace)
  const namespaceOf = (name: string, injection: string) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'chaperone.dev/injection': injection } },
  })
  await kubectl.apply(namespaceOf(namespace, 'enabled'), namespaceOf(required, 'required'))
  await kubectl.apply(sessionFor(shop, namespace), sessionFor(shop, required))
})

afterAll(() => kubectl('delete', 'namespace', namespace, required, shopNamespace, '--wait=false'))

const container = (more: object = {}) => ({
  name: 'agent',
  image: image('chaperone-e2e-agent'),
  imagePullPolicy: 'IfNotPresent',
  command: ['sleep', '100000'],
  ...more,
})
const template = (spec: object = {}, labels: object = { app: 'devin' }) => ({
  metadata: { labels },
  spec: { terminationGracePeriodSeconds: 2, containers: [container()], ...spec },
})
const deployment = (name: string, pod: object, where = namespace) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: where },
  spec: { selector: { matchLabels: { app: 'devin' } }, template: pod },
})
const events = (where: string) =>
  kubectl(
    'get',
    'events',
    '-n',
    where,
    '-o',
    'jsonpath={range .items[*]}{.involvedObject.kind} {.reason} {.message}{"\\n"}{end}',
  )
const inPod = (name: string, ...args: string[]) => command('kubectl', ['exec', '-n', namespace, name, '--', ...args])
const serve = (port: number) =>
  `require("http").createServer((q, a) => (q.url === "/exit" ? process.exit(1) : a.end("served"))).listen(${port}, "0.0.0.0")`
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

describe('a workload that cannot be contained', () => {
  test('is refused when it is applied, where its namespace requires injection', async () => {
    const hostile = deployment('hostile', template({ hostNetwork: true }), required)
    expect((await kubectl.tryApply(hostile)).stderr).toContain('spec.hostNetwork')
    expect(await kubectl('get', 'deployments', '-n', required, '-o', 'name')).toBe('')
  })

  test.each(['Deployment', 'Job', 'StatefulSet', 'DaemonSet'])(
    'that a selector binds later has an event on the owner of its pods: %s',
    async (kind) => {
      const pod = template({ containers: [container({ securityContext: { capabilities: { add: ['NET_RAW'] } } })] })
      const name = `bound-${kind.toLowerCase()}`
      const specs: Record<string, object> = {
        Deployment: deployment(name, pod).spec,
        StatefulSet: { ...deployment(name, pod).spec, serviceName: name },
        DaemonSet: deployment(name, pod).spec,
        Job: { template: { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } } },
      }
      await kubectl.apply({
        apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1',
        kind,
        metadata: { name, namespace },
        spec: specs[kind],
      })
      const owner = kind === 'Deployment' ? 'ReplicaSet' : kind
      const seen = await eventually(
        () => events(namespace),
        (text) => text.split('\n').some((line) => line.startsWith(`${owner} FailedCreate`)),
        60_000,
      )
      const line = seen.split('\n').find((each) => each.startsWith(`${owner} FailedCreate`))
      expect(line).toContain('spec.containers[0].securityContext.capabilities.add')
      await kubectl('delete', kind.toLowerCase(), '-n', namespace, name, '--wait=false')
    },
  )
})

describe('a StatefulSet with probes, ports and an init container of the user', () => {
  const pod = 'web-0'
  beforeAll(async () => {
    await kubectl.apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web', namespace },
      spec: {
        serviceName: 'web',
        selector: { matchLabels: { app: 'devin' } },
        template: template({
          initContainers: [
            container({
              name: 'setup',
              command: [
                'sh',
                '-c',
                `curl -sS -o /dev/null -w %{http_code} https://${shop.apiHost}:8443/setup; curl -sS -m 5 https://203.0.113.9/ || true`,
              ],
            }),
          ],
          containers: [
            container({
              command: ['node', '-e', `${serve(8080)}; ${serve(9090)}`],
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
              livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
              startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
            }),
          ],
        }),
      },
    })
    await kubectl('rollout', 'status', '-n', namespace, 'statefulset/web', '--timeout=90s')
  })

  test('becomes ready, under its own name', async () => {
    expect((await inPod(pod, 'hostname')).stdout.trim()).toBe(pod)
  })

  test('its init container reached the shop by way of the sidecar', async () => {
    expect(await kubectl('logs', '-n', namespace, pod, '-c', 'setup')).toMatch(/^200/)
    expect((await shop.requests()).map(({ path }) => path)).toContain('/setup')
  })

  test('declared ports are reached by others, undeclared ones are not', async () => {
    const address = await kubectl('get', 'pod', '-n', namespace, pod, '-o', 'jsonpath={.status.podIP}')
    const fromOutside = (port: number) => command('curl', ['-sS', '-m', '3', `http://${address}:${port}/`])
    expect(await fromOutside(8080)).toMatchObject({ stdout: 'served' })
    expect((await fromOutside(9090)).code).not.toBe(0)
  })

  test('port-forward leads to the ports of the agent, and to none of the sidecar', async () => {
    const get = (local: string) => command('curl', ['-sS', '-m', '5', `http://127.0.0.1:${local}/`])
    expect(await forwarded(pod, 9090, get)).toMatchObject({ stdout: 'served' })
    for (const port of [15001, 15053]) expect(await forwarded(pod, port, get)).not.toMatchObject({ code: 0 })
  })

  test('logs, exec and cp work as ever', async () => {
    expect((await inPod(pod, 'echo', 'hello')).stdout).toBe('hello\n')
    const directory = mkdtempSync(join(tmpdir(), 'workloads-'))
    writeFileSync(join(directory, 'to'), 'there and back')
    await kubectl('cp', '-n', namespace, join(directory, 'to'), `${pod}:/tmp/copied`)
    await kubectl('cp', '-n', namespace, `${pod}:/tmp/copied`, join(directory, 'from'))
    expect(readFileSync(join(directory, 'from'), 'utf8')).toBe('there and back')
    rmSync(directory, { recursive: true })
    expect(await kubectl('logs', '-n', namespace, pod)).toBe('')
  })

  test('a restart of the agent leaves the sidecar and its certificates as they were', async () => {
    const authority = async () => (await inPod(pod, 'sha256sum', '/etc/chaperone/trust/ca.crt')).stdout
    const before = await authority()
    await inPod(pod, 'curl', '-sS', 'http://127.0.0.1:8080/exit')
    await eventually(
      () =>
        kubectl(
          ...['get', 'pod', '-n', namespace, pod, '-o'],
          'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready} {.status.initContainerStatuses[1].restartCount}',
        ),
      (text) => text === '1 true 0',
      60_000,
    )
    expect(await authority()).toBe(before)
  })
})
