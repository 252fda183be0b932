import type { Kubectl } from './cluster.ts'
import { command, eventually, type Result } from './command.ts'

/** A running agent, seen from within. */
export interface Agent {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  run(program: string, ...args: string[]): Promise<Result>
  /** Runs a JavaScript module in the agent's container. */
  script(source: string, ...args: string[]): Promise<Result>
  curl(...args: string[]): Promise<{ status: number; body: string }>
  /** Of sidecar and verify. */
  restarts(): Promise<string>
}

export async function createAgentNamespace(
  kubectl: Kubectl,
  name: string,
  {
    injection = 'enabled',
    labels: more = {},
    objects = [],
  }: { injection?: 'enabled' | 'required'; labels?: Record<string, string>; objects?: object[] } = {},
): Promise<void> {
  const labels = { 'chaperone.dev/injection': injection, ...more }
  await kubectl.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }, ...objects)
}

/** Creates the pod as soon as the replica that is asked knows its session, which it names: until then it is refused. */
export async function startAgent(
  kubectl: Kubectl,
  pod: { metadata: { name: string; namespace: string; labels: object }; spec: object },
  session = 'devin',
): Promise<Agent> {
  const { name, namespace, labels } = pod.metadata
  const metadata = { ...pod.metadata, labels: { ...labels, 'chaperone.dev/session': session } }
  await eventually(
    () => kubectl.tryApply({ ...pod, metadata }),
    ({ code }) => code === 0,
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', `pod/${name}`, '--timeout=120s')
  return agentIn(kubectl, namespace, name)
}

async function agentIn(kubectl: Kubectl, namespace: string, name: string): Promise<Agent> {
  const exec = (input: string, ...args: string[]) =>
    command('kubectl', ['exec', '-i', '-n', namespace, name, '--', ...args], { input, timeoutMs: 170_000 })
  const read = (path: string) => kubectl('get', 'pod', '-n', namespace, name, '-o', `jsonpath={${path}}`)
  return {
    namespace,
    name,
    uid: await read('.metadata.uid'),
    run: (program, ...args) => exec('', program, ...args),
    script: (source, ...args) => exec(source, 'node', '--input-type=module', '-', ...args),
    async curl(...args) {
      const { stdout } = await exec('', 'curl', '-sS', '--max-time', '150', '-w', '\n%{http_code}', ...args)
      const lines = stdout.split('\n')
      return { status: Number(lines.at(-1)), body: lines.slice(0, -1).join('\n') }
    },
    restarts: () => read('.status.initContainerStatuses[*].restartCount'),
  }
}

/** Sidecars report every three seconds, and wait up to fifteen before they try a collector again. */
const statusTimeoutMs = 90_000

/** Gives the last status of a session's pod once `isThere`; it is written every few seconds. */
export function podStatus(
  kubectl: Kubectl,
  { namespace, uid }: Agent,
  session: string,
  isThere: (status: PodStatus) => boolean,
): Promise<PodStatus> {
  const read = async () => {
    const text = await kubectl('get', 'agentsession', '-n', namespace, session, '-o', 'json')
    const { status } = JSON.parse(text) as { status?: { pods?: PodStatus[] } }
    return status?.pods?.find((pod) => pod.uid === uid)
  }
  return eventually(read, (status) => status !== undefined && isThere(status), statusTimeoutMs) as Promise<PodStatus>
}

export interface PodStatus {
  readonly uid: string
  readonly contained: boolean
  readonly containedReason?: string
  readonly containedMessage?: string
  readonly lastCheckTime?: string
  readonly audit: { readonly sequence: number; readonly deliveredSequence: number; readonly message?: string }
}
