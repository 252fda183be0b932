// How much longer a pod takes to become Ready with Chaperone, on the e2e cluster, and where that time goes.
import { readdirSync, readFileSync } from 'node:fs'
import { connectCluster, pods, type Pod } from '../rig/cluster.ts'
import { alternate, quantile, report, type Sample } from '../rig/measure.ts'

const rounds = 20
/** Times in a pod's status are whole seconds: the clock of this machine stamps what a watch tells instead. */
const watchSeconds = 120

const { client, kubectl } = connectCluster()
const namespaces = { with: 'bench-pod-start', without: 'bench-pod-start-bare' } as const
const session = {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'bench', namespace: namespaces.with },
  spec: { agent: { name: 'bench', owner: 'bench' }, selector: { matchLabels: { app: 'bench' } } },
}

let count = 0
async function startPod(namespace: string, observe: (pod: Pod) => Promise<void>): Promise<Sample> {
  const metadata = { name: `agent-${count++}`, namespace, labels: { app: 'bench' } }
  const container = { name: 'agent', image: 'localhost/chaperone-e2e-agent:dev', imagePullPolicy: 'Never' }
  const spec = { terminationGracePeriodSeconds: 1, containers: [{ ...container, command: ['sleep', '1000'] }] }
  const { resourceVersion } = await client.list(pods, { namespace, limit: 1 })
  const ending = new AbortController()
  const events = await client.watch(pods, {
    namespace,
    fieldSelector: `metadata.name=${metadata.name}`,
    resourceVersion,
    timeoutSeconds: watchSeconds,
    signal: ending.signal,
  })
  const from = performance.now()
  const admitted = client
    .create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec })
    .then(() => performance.now() - from)
  const reached = new Map<string, number>()
  let sample: Sample | undefined
  for await (const event of events) {
    if (event.type === 'DELETED') break
    if (event.type === 'BOOKMARK' || sample !== undefined) continue
    for (const step of steps(event.object)) if (!reached.has(step)) reached.set(step, performance.now() - from)
    const ready = reached.get('ready')
    if (ready === undefined) continue
    sample = {
      'ready ms': ready,
      'admitted at': await admitted,
      'sidecar started at': reached.get('chaperone-sidecar') ?? NaN,
      'verify done at': reached.get('chaperone-verify') ?? NaN,
    }
    await observe(event.object)
    // What is left of one pod must not slow the next one down.
    await client.delete(pods, metadata)
  }
  ending.abort()
  if (sample === undefined) throw new Error(`${metadata.name} was not ready within ${watchSeconds} s`)
  return sample
}

/** What a pod has come to: init containers by name, once those after them may start, and whether it is ready. */
function steps({ spec, status = {} }: Pod): string[] {
  const native = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  const done = (status.initContainerStatuses ?? []).filter(({ name, state, started }) =>
    native.some((each) => each.name === name) ? started === true : state.terminated?.exitCode === 0,
  )
  const ready = (status.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True')
  return [...done.map(({ name }) => name), ...(ready ? ['ready'] : [])]
}

const sidecarStarts: number[] = []
/** From the start of the sidecar's process, by the kernel, to its log saying that it serves under a policy. */
function observeSidecar({ metadata: { name = '', uid = '' } }: Pod): Promise<void> {
  const lines = kubectl(['logs', '-n', namespaces.with, name, '-c', 'chaperone-sidecar']).trim().split('\n')
  const serving = lines
    .map((line) => JSON.parse(line) as { msg: string; time: number })
    .filter(({ msg }) => ['listening', 'policy in force'].includes(msg))
  sidecarStarts.push(Math.max(...serving.map(({ time }) => time)) - startedAt(`CHAPERONE_POD_UID=${uid}`))
  return Promise.resolve()
}

/** When the process with this in its environment began; the kernel counts in hundredths of a second (proc(5)). */
function startedAt(variable: string): number {
  const bootedAt = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  const starts = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(variable))
    .map((pid) => Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]) * 10)
  return bootedAt + Math.min(...starts)
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return [] // It has ended, or is the kernel's.
  }
}

const labelled = (name: string, labels: object) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
const apply = (object: object) => kubectl(['apply', '-f', '-'], JSON.stringify(object))
try {
  apply(labelled(namespaces.with, { 'chaperone.dev/injection': 'enabled' }))
  apply(labelled(namespaces.without, {}))
  apply(session)
  kubectl(['wait', '-n', namespaces.with, '--for=condition=Ready', 'agentsession/bench', '--timeout=60s'])
  for (const namespace of Object.values(namespaces))
    kubectl(['wait', '-n', namespace, '--for=create', 'serviceaccount/default', '--timeout=60s'])
  const results = await alternate(
    [
      {
        name: 'chaperone',
        measure: () => startPod(namespaces.with, (pod) => observeSidecar(pod)),
      },
      { name: 'without', measure: () => startPod(namespaces.without, () => Promise.resolve()) },
    ],
    rounds,
  )
  report(`pod created to Ready, ${rounds} pairs`, results)
  const [injected = {}, bare = {}] = results.values()
  report(
    'what Chaperone adds',
    new Map([
      [
        'chaperone',
        {
          'extra ms': (injected['ready ms'] ?? NaN) - (bare['ready ms'] ?? NaN),
          'sidecar start ms': quantile(sidecarStarts, 0.5),
        },
      ],
    ]),
  )
} finally {
  kubectl(['delete', 'namespace', ...Object.values(namespaces), '--wait=false'])
  client.close()
}
