import type { KubeCall } from '@chaperone/testkit'
import { hazards, proxyHazards } from './hazards.ts'
import { forgedAgents } from './forged-agents.ts'
import { forgedContainers } from './forged-containers.ts'
import { forgedGuards, forgedProxies } from './forged-modes.ts'
import { rules } from './forgery.ts'
import { injectedPod, workload } from './injected-pod.ts'

export type Injection = 'enabled' | 'required' | 'none'

/** The labels of a namespace. */
export interface Place {
  /** Default `enabled`. */
  readonly injection?: Injection
  /** Absent: the label is. */
  readonly interception?: string
}

/** What an attacker sends to the API server while the webhook is away, and the words with which a policy refuses it. */
export interface HostileRequest extends Place {
  readonly policy: string
  readonly title: string
  /** The field or thing that the refusal names. */
  readonly names: string
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

const bare = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x' },
  spec: { containers: [{ name: 'main', image: 'agent' }] },
}
const claiming = (metadata: object) => ({ ...bare, metadata: { name: 'x', ...metadata } })

/** In either mode. */
const forged = [...forgedContainers, ...forgedAgents]

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
  {
    policy: 'chaperone-pods',
    title: 'a bare pod that claims a mode',
    names: 'claims a session',
    call: create(claiming({ labels: { 'chaperone.dev/interception': 'Proxy' } })),
  },
  {
    policy: 'chaperone-pods',
    title: 'a pod without guard where the namespace does not say so',
    names: 'metadata.labels',
    call: create(injectedPod('x', undefined, 'Proxy')),
  },
  {
    policy: 'chaperone-pods',
    title: 'a pod with a guard where the namespace says that there is none',
    names: 'metadata.labels',
    interception: 'Proxy',
    call: create(injectedPod('x')),
  },
  {
    policy: 'chaperone-pods',
    title: 'an injected pod where the namespace names a mode that there is not',
    names: 'expected Transparent or Proxy',
    interception: 'proxy',
    call: create(injectedPod('x', ({ metadata }) => (metadata.labels['chaperone.dev/interception'] = 'proxy'))),
  },
  {
    policy: 'chaperone-pods',
    title: 'a pod that is not injected, where that is required, in mode Proxy',
    names: 'spec.initContainers',
    injection: 'required',
    interception: 'Proxy',
    call: create(bare),
  },
  ...[...forged, ...forgedGuards].map(([title, names, change]) => ({
    policy: 'chaperone-pods',
    title: `a pod ${title}`,
    names,
    call: create(injectedPod('x', change)),
  })),
  ...[...forged, ...forgedProxies, ...hazards, ...proxyHazards].map(([title, names, change]) => ({
    policy: 'chaperone-pods',
    title: `a pod in mode Proxy ${title}`,
    names,
    interception: 'Proxy',
    call: create(injectedPod('x', change, 'Proxy')),
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

const everywhere = hazards.map((hazard) => ({ hazard, place: {} }))
const inModeProxy = proxyHazards.map((hazard) => ({ hazard, place: { interception: 'Proxy' } }))
const createWorkloads: readonly HostileRequest[] = collections.flatMap(([kind, api, policy]) =>
  [...everywhere, ...inModeProxy].map(({ hazard: [title, names, change], place }) => ({
    policy,
    title: `a ${kind} with ${title}`,
    names,
    ...place,
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
  ...['chaperone-sidecar', 'chaperone-verify'].map((name) => ({
    policy: 'chaperone-pod-updates',
    title: `another image for ${name}`,
    names: 'spec.initContainers[*].image',
    call: patch('agent', { spec: { initContainers: [{ name, image: 'evil' }] } }),
  })),
  ...['chaperone-sidecar', 'chaperone-verify'].map((name) => ({
    policy: 'chaperone-pod-updates',
    title: `another image for ${name} in mode Proxy`,
    names: 'spec.initContainers[*].image',
    interception: 'Proxy',
    call: patch('agent', { spec: { initContainers: [{ name, image: 'evil' }] } }),
  })),
  {
    policy: 'chaperone-pod-updates',
    title: 'another mode',
    names: 'metadata.labels',
    interception: 'Proxy',
    call: patch('agent', { metadata: { labels: { 'chaperone.dev/interception': null } } }),
  },
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
    ['chaperone-sidecar', 'chaperone-verify'].map((container) => ({
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
  { title: 'an injected pod in mode Proxy', interception: 'Proxy', call: create(injectedPod('x', undefined, 'Proxy')) },
  {
    title: 'an injected pod in mode Proxy where injection is required',
    injection: 'required',
    interception: 'Proxy',
    call: create(injectedPod('x', undefined, 'Proxy')),
  },
  {
    title: 'an injected pod where the mode is spelled out',
    interception: 'Transparent',
    call: create(injectedPod('x')),
  },
  { title: 'a pod that no session selects', call: create(bare) },
  { title: 'a pod that no session selects in a mode that there is not', interception: 'proxy', call: create(bare) },
  {
    title: 'another image for the agent in mode Proxy',
    interception: 'Proxy',
    call: patch('agent', { spec: { containers: [{ name: 'main', image: 'agent:2' }] } }),
  },
  {
    title: 'a label of the user in mode Proxy',
    interception: 'Proxy',
    call: patch('agent', { metadata: { labels: { team: 'a' } } }),
  },
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
