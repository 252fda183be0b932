import type { KubeCall } from '@chaperone/testkit'
import { hazards } from './hazards.ts'
import { injectedPod, workload, type HostileContainer, type HostilePod } from './injected-pod.ts'

export type Injection = 'enabled' | 'required' | 'none'

/** What an attacker sends to the API server while the webhook is away, and the words with which a policy refuses it. */
export interface HostileRequest {
  readonly policy: string
  readonly title: string
  /** The field or thing that the refusal names. */
  readonly names: string
  /** Label of the namespace; default `enabled`. */
  readonly injection?: Injection
  /** `agent`, an injected pod, and `bare`, one that is not, exist in the namespace where `existing`. */
  readonly call: (namespace: string) => KubeCall
}

const dryRun = 'dryRun=All&fieldValidation=Strict'
const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`

function create(pod: object): HostileRequest['call'] {
  return (namespace) => ({ method: 'POST', path: `${pods(namespace)}?${dryRun}`, body: pod })
}

function patch(name: string, body: object, subresource = ''): HostileRequest['call'] {
  return (namespace) => ({
    method: 'PATCH',
    path: `${pods(namespace)}/${name}${subresource}?${dryRun}`,
    body,
    contentType: 'application/strategic-merge-patch+json',
  })
}

const guard = ({ spec }: HostilePod): HostileContainer => spec.initContainers[0]!
const sidecar = ({ spec }: HostilePod): HostileContainer => spec.initContainers[1]!
const verify = ({ spec }: HostilePod): HostileContainer => spec.initContainers[2]!
const rules = (pod: HostilePod, change: (text: string) => string): void => {
  guard(pod).command![1] = change(guard(pod).command![1]!)
}

/** An injected pod that was changed before it was sent. */
const forged: readonly (readonly [title: string, names: string, change: (pod: HostilePod) => void])[] = [
  [
    'without verify, claiming to be injected',
    'not its first init containers',
    ({ spec }) => spec.initContainers.splice(2, 1),
  ],
  ['with a container before the guard', 'not its first init containers', ({ spec }) => spec.initContainers.reverse()],
  ['without the label of its session', 'metadata.labels', (pod) => delete pod.metadata.labels['chaperone.dev/session']],
  [
    'with another uid in its annotation',
    'metadata.annotations',
    (pod) => (pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1'),
  ],
  ['with a guard of another image', 'initContainers[*].image', (pod) => (guard(pod).image = 'evil')],
  ['with a sidecar of another image', 'initContainers[*].image', (pod) => (sidecar(pod).image = 'evil')],
  ['with a verify of another image', 'initContainers[*].image', (pod) => (verify(pod).image = 'evil')],
  [
    'with a sidecar that ends',
    'restartPolicy',
    (pod) => {
      for (const member of ['restartPolicy', 'livenessProbe', 'readinessProbe', 'startupProbe'])
        Reflect.deleteProperty(sidecar(pod), member)
    },
  ],
  ['with a guard that does nothing', 'command', (pod) => (guard(pod).command = ['/usr/sbin/nft', '--version', 'x'])],
  ['with another program as the sidecar', 'command', (pod) => (sidecar(pod).command = ['node', '-e', ''])],
  ['with arguments for the sidecar', 'command', (pod) => (sidecar(pod).args = ['verify'])],
  ['with another program as verify', 'command', (pod) => (verify(pod).command = ['node', '-e', ''])],
  ['with arguments for verify', 'command', (pod) => (verify(pod).args = ['version'])],
  [
    'that starts without a test',
    'initContainers[2].restartPolicy, startupProbe, readinessProbe',
    (pod) => Reflect.deleteProperty(verify(pod), 'startupProbe'),
  ],
  [
    'with a test at its start that tests nothing',
    'initContainers[2].restartPolicy, startupProbe, readinessProbe',
    (pod) => (verify(pod).startupProbe!.exec!.command = ['node', '--version']),
  ],
  [
    'that is tested once only',
    'initContainers[2].restartPolicy, startupProbe, readinessProbe',
    (pod) => Reflect.deleteProperty(verify(pod), 'readinessProbe'),
  ],
  [
    'with later tests that test nothing',
    'initContainers[2].restartPolicy, startupProbe, readinessProbe',
    (pod) => (verify(pod).readinessProbe!.exec!.command = ['node', '--version']),
  ],
  [
    'that is tested once a year',
    'initContainers[2].restartPolicy, startupProbe, readinessProbe',
    (pod) => (verify(pod).readinessProbe!.periodSeconds = 31_536_000),
  ],
  [
    'with a sidecar that waits a year for the next test',
    'initContainers[1].env',
    (pod) => (sidecar(pod).env.find((each) => each.name === 'CHAPERONE_VERIFY_PERIOD_SECONDS')!.value = '31536000'),
  ],
  [
    'with a probe that writes reports',
    'exec',
    (pod) => (verify(pod).livenessProbe = { exec: { command: ['node', '-e', ''] } }),
  ],
  ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).map(
    (probe) =>
      [
        `with a program of others as the ${probe} of the sidecar`,
        'exec',
        (pod: HostilePod) => (sidecar(pod)[probe] = { exec: { command: ['node', '-e', ''] } }),
      ] as const,
  ),
  [
    'with a rule more',
    'rule set',
    (pod) => rules(pod, (text) => text.replace('oifname "lo" accept', 'oifname "lo" accept\n    meta skuid 0 accept')),
  ],
  [
    'with an agent that answers on the health port',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text
          .replace(/ {4}tcp sport .*\n/, '')
          .replace(/( {4}meta skuid != \d+ drop)/, '    tcp sport { 80, 15021 } ct direction reply accept\n$1'),
      ),
  ],
  ['with a rule less', 'rule set', (pod) => rules(pod, (text) => text.replace('policy drop', 'policy accept'))],
  ['with the rules for another uid', 'rule set', (pod) => rules(pod, (text) => text.replaceAll('424242', '1000'))],
  [
    'with another verdict on the line of open ports',
    'declared ports',
    (pod) =>
      rules(pod, (text) =>
        text.replace(/(\n {4}tcp dport \{[^}]*\}) accept/, '$1 accept comment "x"; meta skuid 0 accept'),
      ),
  ],
  [
    'with a line of open ports in another chain',
    'rule set',
    (pod) =>
      rules(pod, (text) =>
        text.replace('    oifname "lo" return\n', '    oifname "lo" return\n    tcp dport { 443 } accept\n'),
      ),
  ],
  [
    'with the line of open ports moved',
    'rule set',
    (pod) =>
      rules(pod, (text) => {
        const line = /\n {4}tcp dport \{[^}]*\} accept/.exec(text)![0]
        return text.replace(line, '').replace('policy drop;', `policy drop;${line}`)
      }),
  ],
  ['with a guard that goes on', 'restartPolicy', (pod) => (guard(pod).restartPolicy = 'Always')],
  [
    'with a verify that ends',
    'restartPolicy',
    (pod) => {
      for (const member of ['restartPolicy', 'readinessProbe', 'startupProbe'])
        Reflect.deleteProperty(verify(pod), member)
    },
  ],
  [
    'with a sidecar that nothing waits for',
    'startupProbe',
    (pod) => Reflect.deleteProperty(sidecar(pod), 'startupProbe'),
  ],
  [
    'with a sidecar without seccomp',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['seccompProfile'] = { type: 'Unconfined' }),
  ],
  [
    'with an agent without seccomp',
    'securityContext.seccompProfile',
    ({ spec }) => delete spec.containers[0]!.securityContext['seccompProfile'],
  ],
  [
    'with names resolved by its maker',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_RESOLVE', value: 'a:443:203.0.113.9' }),
  ],
  [
    'with the sidecar blind to its node',
    'initContainers[1].env',
    (pod) =>
      Object.assign(
        sidecar(pod).env.find((each) => each.name === 'CHAPERONE_HOST_IPS')!,
        { valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } },
      ),
  ],
  [
    'with another folder for keys',
    'initContainers[1].env',
    (pod) => (sidecar(pod).env.find((each) => each.name === 'CHAPERONE_PRIVATE_DIR')!.value = '/tmp'),
  ],
  [
    'with a volume over the programs of the guard',
    'volumeMounts',
    (pod) => {
      pod.spec.volumes.push({ name: 'chaperone-secret-x', secret: { secretName: 'x' } })
      guard(pod).volumeMounts = [{ name: 'chaperone-secret-x', mountPath: '/usr/sbin' }]
    },
  ],
  [
    'with a volume over the program of the sidecar',
    'volumeMounts',
    (pod) => sidecar(pod).volumeMounts.push({ name: 'chaperone-trust', mountPath: '/app' }),
  ],
  [
    'with keys kept in a claim',
    'spec.volumes',
    ({ spec }) => {
      spec.volumes = spec.volumes.map((each) =>
        (each as { name: string }).name === 'chaperone-private'
          ? { name: 'chaperone-private', persistentVolumeClaim: { claimName: 'x' } }
          : each,
      )
    },
  ],
  [
    'with the credential of the sidecar as a volume',
    'spec.volumes[*].secret',
    ({ spec }) => spec.volumes.push({ name: 'mine', secret: { secretName: 'orders-db' } }),
  ],
  [
    'with the credential of the sidecar as a variable',
    'secretKeyRef',
    ({ spec }) =>
      spec.containers[0]!.env.push({ name: 'P', valueFrom: { secretKeyRef: { name: 'orders-db', key: 'password' } } }),
  ],
  [
    'with the credential of the sidecar as variables',
    'secretRef',
    ({ spec }) => Object.assign(spec.containers[0]!, { envFrom: [{ secretRef: { name: 'orders-db' } }] }),
  ],
  [
    'with a guard that has more than NET_ADMIN',
    'initContainers[*].securityContext',
    (pod) => (guard(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN'] }),
  ],
  [
    'with a sidecar that has a capability',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['capabilities'] = { drop: ['ALL'], add: ['NET_RAW'] }),
  ],
  [
    'with a writable sidecar',
    'initContainers[*].securityContext',
    (pod) => (sidecar(pod).securityContext['readOnlyRootFilesystem'] = false),
  ],
  [
    'with a verify in the place of the sidecar',
    'runAsUser',
    (pod) => (verify(pod).securityContext['runAsUser'] = 424_242),
  ],
  [
    'with a well-known uid',
    'runAsUser',
    (pod) => {
      for (const each of [guard(pod), sidecar(pod)]) each.securityContext['runAsUser'] = 1337
      verify(pod).securityContext['runAsUser'] = 1336
      rules(pod, (text) => text.replaceAll('424242', '1337'))
      pod.metadata.annotations['chaperone.dev/proxy-uid'] = '1337'
    },
  ],
  [
    'with options for the sidecar’s Node',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'NODE_OPTIONS', value: '--inspect' }),
  ],
  [
    'with settings from elsewhere',
    'initContainers[*].env',
    (pod) => Object.assign(sidecar(pod), { envFrom: [{ configMapRef: { name: 'x' } }] }),
  ],
  [
    'with another operator',
    'initContainers[1].env',
    (pod) => (sidecar(pod).env.find((each) => each.name === 'CHAPERONE_CONTROL_URL')!.value = 'https://evil'),
  ],
  [
    'with another collector',
    'initContainers[1].env',
    (pod) => (sidecar(pod).env.find((each) => each.name === 'CHAPERONE_COLLECTOR_URL')!.value = 'http://evil'),
  ],
  [
    'with two operators',
    'initContainers[*].env',
    (pod) => sidecar(pod).env.push({ name: 'CHAPERONE_CONTROL_URL', value: 'https://evil' }),
  ],
  [
    'with a foreign volume in the sidecar',
    'volumeMounts',
    (pod) => sidecar(pod).volumeMounts.push({ name: 'work', mountPath: '/app' }),
  ],
  [
    'with a hook in the sidecar',
    'lifecycle',
    (pod) => Object.assign(sidecar(pod), { lifecycle: { preStop: { sleep: { seconds: 1 } } } }),
  ],
  ['with a fourth container of ours', 'prefix chaperone-', ({ spec }) => (spec.containers[0]!.name = 'chaperone-x')],
  ['with a token for every container', 'volumeMounts', ({ spec }) => (spec['automountServiceAccountToken'] = true)],
  [
    'with default capabilities',
    'securityContext.capabilities.drop',
    ({ spec }) => delete spec.containers[0]!.securityContext['capabilities'],
  ],
  [
    'with the chance to gain privileges',
    'securityContext.allowPrivilegeEscalation',
    ({ spec }) => delete spec.containers[0]!.securityContext['allowPrivilegeEscalation'],
  ],
  [
    'with the uid of the sidecar in a container',
    'securityContext.runAsUser',
    ({ spec }) => (spec.containers[0]!.securityContext['runAsUser'] = 424_242),
  ],
  [
    'with the uid of the sidecar for the pod',
    'securityContext.runAsUser',
    ({ spec }) => (spec.securityContext = { runAsUser: 424_242 }),
  ],
  [
    'with the keys of the sidecar mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-private', mountPath: '/x' }),
  ],
  [
    'with the reports of verify mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-verify', mountPath: '/x' }),
  ],
  [
    'with reports from a Secret',
    'spec.volumes',
    ({ spec }) => {
      spec.volumes = spec.volumes.map((each) =>
        (each as { name: string }).name === 'chaperone-verify'
          ? { name: 'chaperone-verify', secret: { secretName: 'x' } }
          : each,
      )
    },
  ],
  [
    'with a volume over the program of verify',
    'volumeMounts',
    (pod) => verify(pod).volumeMounts.push({ name: 'chaperone-verify', mountPath: '/app' }),
  ],
  [
    'with its audit log mounted',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-audit', mountPath: '/x', readOnly: true }),
  ],
  [
    'with the trust bundle writable',
    'volumeMounts',
    ({ spec }) => spec.containers[0]!.volumeMounts.push({ name: 'chaperone-trust', mountPath: '/x' }),
  ],
]

const bare = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x' },
  spec: { containers: [{ name: 'main', image: 'agent' }] },
}
const claiming = (metadata: object) => ({ ...bare, metadata: { name: 'x', ...metadata } })

const createPods: readonly HostileRequest[] = [
  {
    policy: 'chaperone-pods',
    title: 'a pod that is not injected, where that is required',
    names: 'spec.initContainers',
    injection: 'required',
    call: create(bare),
  },
  {
    policy: 'chaperone-pods',
    title: 'a bare pod that claims a session',
    names: 'claims a session',
    call: create(claiming({ labels: { 'chaperone.dev/session': 'devin' } })),
  },
  ...forged.map(([title, names, change]) => ({
    policy: 'chaperone-pods',
    title: `a pod ${title}`,
    names,
    call: create(injectedPod('x', change)),
  })),
  ...hazards.map(([title, names, change]) => ({
    policy: 'chaperone-pods',
    title: `a pod with ${title}`,
    names,
    call: create(injectedPod('x', change)),
  })),
]

/** The API of each kind, and the policy that judges it. */
const collections: readonly (readonly [kind: string, api: string, policy: string])[] = [
  ['Deployment', '/apis/apps/v1', 'chaperone-workloads'],
  ['StatefulSet', '/apis/apps/v1', 'chaperone-workloads'],
  ['DaemonSet', '/apis/apps/v1', 'chaperone-workloads'],
  ['ReplicaSet', '/apis/apps/v1', 'chaperone-workloads'],
  ['ReplicationController', '/api/v1', 'chaperone-replicationcontrollers'],
  ['Job', '/apis/batch/v1', 'chaperone-jobs'],
  ['CronJob', '/apis/batch/v1', 'chaperone-cronjobs'],
]

const createWorkloads: readonly HostileRequest[] = collections.flatMap(([kind, api, policy]) =>
  hazards.map(([title, names, change]) => ({
    policy,
    title: `a ${kind} with ${title}`,
    names,
    call: (namespace: string) => ({
      method: 'POST',
      path: `${api}/namespaces/${namespace}/${kind.toLowerCase()}s?${dryRun}`,
      body: workload(kind, change),
    }),
  })),
)

/** A Deployment that stands in every namespace since before the policies. */
export const earlier = {
  ...workload('Deployment', ({ spec }) => (spec['hostNetwork'] = true)),
  metadata: { name: 'earlier' },
}

function patchEarlier(body: object): HostileRequest['call'] {
  return (namespace) => ({
    method: 'PATCH',
    path: `/apis/apps/v1/namespaces/${namespace}/deployments/earlier?${dryRun}`,
    body,
    contentType: 'application/merge-patch+json',
  })
}

const changes: readonly HostileRequest[] = [
  {
    policy: 'chaperone-workloads',
    title: 'another template, no better, for a workload from before its namespace was labelled',
    names: 'spec.hostNetwork',
    call: patchEarlier({ spec: { template: { metadata: { labels: { version: '2' } } } } }),
  },
  ...['chaperone-guard', 'chaperone-sidecar', 'chaperone-verify'].map((name) => ({
    policy: 'chaperone-pod-updates',
    title: `another image for ${name}`,
    names: 'spec.initContainers[*].image',
    call: patch('agent', { spec: { initContainers: [{ name, image: 'evil' }] } }),
  })),
  {
    policy: 'chaperone-pod-updates',
    title: 'less memory for the sidecar',
    names: 'spec.initContainers[*].resources',
    call: patch(
      'agent',
      { spec: { initContainers: [{ name: 'chaperone-sidecar', resources: { limits: { memory: '200Mi' } } }] } },
      '/resize',
    ),
  },
  {
    policy: 'chaperone-pod-updates',
    title: 'another session',
    names: 'metadata.labels',
    call: patch('agent', { metadata: { labels: { 'chaperone.dev/session': 'laxer' } } }),
  },
  {
    policy: 'chaperone-pod-updates',
    title: 'no session any more',
    names: 'metadata.labels',
    call: patch('agent', { metadata: { labels: { 'chaperone.dev/session': null } } }),
  },
  {
    policy: 'chaperone-pod-updates',
    title: 'injected no more',
    names: 'metadata.labels',
    call: patch('agent', { metadata: { labels: { 'chaperone.dev/injected': null } } }),
  },
  {
    policy: 'chaperone-pod-updates',
    title: 'the uid of another session',
    names: 'metadata.annotations',
    call: patch('agent', { metadata: { annotations: { 'chaperone.dev/session-uid': 'other' } } }),
  },
  {
    policy: 'chaperone-pod-updates',
    title: 'a debug container',
    names: 'spec.ephemeralContainers',
    call: patch(
      'agent',
      {
        spec: {
          ephemeralContainers: [
            { name: 'debug', image: 'evil', securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
          ],
        },
      },
      '/ephemeralcontainers',
    ),
  },
  {
    policy: 'chaperone-pod-claims',
    title: 'a bare pod that claims a session later',
    names: 'set when the pod is made',
    call: patch('bare', { metadata: { labels: { 'chaperone.dev/injected': 'true' } } }),
  },
  {
    policy: 'chaperone-pod-claims',
    title: 'a bare pod that names a session later',
    names: 'set when the pod is made',
    call: patch('bare', { metadata: { annotations: { 'chaperone.dev/session-uid': 'u-1' } } }),
  },
  {
    policy: 'chaperone-pod-claims',
    title: 'a pod that claims a session where nothing is injected',
    names: 'kubectl label namespace',
    injection: 'none',
    call: create(claiming({ labels: { 'chaperone.dev/session': 'devin' } })),
  },
  ...['exec', 'attach'].flatMap((verb) =>
    ['chaperone-sidecar', 'chaperone-guard'].map((container) => ({
      policy: 'chaperone-connect',
      title: `${verb} into ${container}`,
      names: 'nobody may exec into or attach to the sidecar',
      call: (namespace: string) => ({
        method: 'POST',
        path: `${pods(namespace)}/agent/${verb}?container=${container}&stdout=true${verb === 'exec' ? '&command=id' : ''}`,
      }),
    })),
  ),
]

export const hostileRequests: readonly HostileRequest[] = [...createPods, ...createWorkloads, ...changes]

/** Requests of honest people, which no policy refuses. */
export const honestRequests: readonly Omit<HostileRequest, 'policy' | 'names'>[] = [
  { title: 'an injected pod', call: create(injectedPod('x')) },
  {
    title: 'an injected pod without ports',
    call: create(
      injectedPod('x', (pod) =>
        rules(pod, (text) => text.replace(/ {4}tcp sport .*\n/, '').replace('15021, 8080', '15021')),
      ),
    ),
  },
  { title: 'an injected pod where that is required', injection: 'required', call: create(injectedPod('x')) },
  { title: 'a pod that no session selects', call: create(bare) },
  { title: 'a pod where nothing is injected', injection: 'none', call: create(bare) },
  {
    title: 'an injected pod with volumes of the pod and of the platform',
    call: create(
      injectedPod('x', ({ spec }) =>
        spec.volumes.push(
          { name: 'a', configMap: { name: 'a' } },
          { name: 'b', persistentVolumeClaim: { claimName: 'b' } },
          { name: 'c', projected: { sources: [{ configMap: { name: 'c' } }, { downwardAPI: { items: [] } }] } },
        ),
      ),
    ),
  },
  {
    title: 'an injected pod with probes and hooks of its own',
    call: create(
      injectedPod('x', ({ spec }) =>
        Object.assign(spec.containers[0]!, {
          livenessProbe: { httpGet: { port: 8080 } },
          readinessProbe: { tcpSocket: { port: 8080 } },
          startupProbe: { exec: { command: ['true'] } },
          lifecycle: { preStop: { httpGet: { port: 8080 } } },
        }),
      ),
    ),
  },
  ...collections.map(([kind, api]) => ({
    title: `an ordinary ${kind}`,
    call: (namespace: string) => ({
      method: 'POST',
      path: `${api}/namespaces/${namespace}/${kind.toLowerCase()}s?${dryRun}`,
      body: workload(kind, () => undefined),
    }),
  })),
  {
    title: 'a note on a workload from before its namespace was labelled',
    call: patchEarlier({ metadata: { annotations: { note: 'to be deleted' } } }),
  },
  {
    title: 'another image for the agent',
    call: patch('agent', { spec: { containers: [{ name: 'main', image: 'agent:2' }] } }),
  },
  { title: 'a label of the user', call: patch('agent', { metadata: { labels: { team: 'a' } } }) },
  { title: 'a label on a bare pod', call: patch('bare', { metadata: { labels: { team: 'a' } } }) },
]
