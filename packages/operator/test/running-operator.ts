import { networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '@chaperone/core'
import { freePorts, startProgram, type ChildProgram, type KubeApiserver } from '@chaperone/testkit'
import { applyYaml, renderChart, systemNamespace } from './chart.ts'

const main = new URL('../src/main.ts', import.meta.url).pathname
const serviceAccount = `system:serviceaccount:${systemNamespace}:chaperone-operator`
const patienceMs = 60_000

/** One replica of the operator: the real program, with the rights that the chart gives it. */
export interface RunningOperator {
  readonly name: string
  readonly controlPort: number
  readonly program: ChildProgram
  isReady(): Promise<boolean>
  ready(): Promise<void>
  /** The value of a metric without labels, or of its first line. */
  metric(name: string): Promise<number>
}

/** Flags of an API server that finds webhooks by their EndpointSlices, as there is no kube-proxy. */
export const webhookFlags = ['--enable-aggregator-routing=true']

/** Installs the chart. Nothing here runs its Deployment: replicas are started by `startOperator`. */
export async function installChart(apiserver: KubeApiserver): Promise<void> {
  await apiserver.createNamespace(systemNamespace)
  await applyYaml(
    apiserver,
    await renderChart(
      'rbac',
      'operator',
      'webhooks',
      'admission-approvals',
      'admission-pods',
      'admission-pod-changes',
      'admission-workloads',
    ),
  )
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly env: readonly { name: string; value?: string }[] }[] }
    }
  }
}

/** What the chart tells the program. */
async function environmentOf(apiserver: KubeApiserver): Promise<Record<string, string>> {
  const path = `/apis/apps/v1/namespaces/${systemNamespace}/deployments/chaperone-operator`
  const { spec } = (await apiserver.request('GET', path)) as Deployment
  const env = spec.template.spec.containers[0]?.env ?? []
  return Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])))
}

/** Starts a replica. `url` is where it finds the API server; default: the server itself. */
export async function startOperator(
  apiserver: KubeApiserver,
  name: string,
  options: { readonly url?: string } = {},
): Promise<RunningOperator> {
  const [webhookPort = 0, controlPort = 0, healthPort = 0] = await freePorts(3)
  const kubeconfig = await apiserver.kubeconfigForUser(
    serviceAccount,
    ['system:serviceaccounts', `system:serviceaccounts:${systemNamespace}`],
    options,
  )
  const program = startProgram(process.execPath, [main], {
    logPath: join(dirname(kubeconfig), `${name}.log`),
    env: {
      ...(await environmentOf(apiserver)),
      KUBECONFIG: kubeconfig,
      CHAPERONE_NAMESPACE: systemNamespace,
      CHAPERONE_POD_NAME: name,
      CHAPERONE_WEBHOOK_PORT: String(webhookPort),
      CHAPERONE_CONTROL_PORT: String(controlPort),
      CHAPERONE_HEALTH_PORT: String(healthPort),
    },
  })
  await publishEndpoint(apiserver, name, webhookPort)
  const health = `http://127.0.0.1:${healthPort}`
  const isReady = async (): Promise<boolean> =>
    fetch(`${health}/readyz`).then(
      (response) => response.ok,
      () => false,
    )
  return {
    name,
    controlPort,
    program,
    isReady,
    ready: () => until(isReady, () => `${name} is not ready:\n${program.lastLines()}`),
    async metric(metric) {
      const text = await (await fetch(`${health}/metrics`)).text()
      return Number(new RegExp(`^${metric}(?:{.*})? (.+)$`, 'm').exec(text)?.[1])
    },
  }
}

/** Endpoints must not be loopback addresses; traffic to an address of this machine does not leave it either. */
async function publishEndpoint(apiserver: KubeApiserver, name: string, port: number): Promise<void> {
  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => !each.internal && each.family === 'IPv4')?.address
  if (address === undefined) throw new Error('this machine has no address but loopback')
  await applyYaml(
    apiserver,
    JSON.stringify({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: systemNamespace, labels: { 'kubernetes.io/service-name': 'chaperone-control' } },
      addressType: 'IPv4',
      ports: [{ name: 'webhook', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    }),
  )
}

/** Takes a replica out of the webhooks, as the endpoint controller does with a pod that stops, and lets it end in order. */
export async function stopOperator(apiserver: KubeApiserver, { name, program }: RunningOperator): Promise<void> {
  await apiserver.request('DELETE', `/apis/discovery.k8s.io/v1/namespaces/${systemNamespace}/endpointslices/${name}`)
  program.kill('SIGTERM')
  await until(
    () => Promise.resolve(!program.running()),
    () => `${name} does not end:\n${program.lastLines()}`,
  )
}

/** Programs have no event to wait for. */
async function until(isSo: () => Promise<boolean>, otherwise: () => string): Promise<void> {
  const deadlineMs = systemClock.elapsedMs() + patienceMs
  while (!(await isSo())) {
    if (systemClock.elapsedMs() > deadlineMs) throw new Error(otherwise())
    await systemClock.sleep(50)
  }
}
