import { image } from '../harness/cluster.ts'

/** A container of an agent; `more` may replace any of its members. */
export const container = (more: object = {}): object => ({
  name: 'agent',
  image: image('chaperone-e2e-agent'),
  imagePullPolicy: 'IfNotPresent',
  command: ['sleep', '100000'],
  ...more,
})

export interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> }
  readonly spec: object
}

export const template = (spec: object = {}, labels: Record<string, string> = {}): Template => ({
  metadata: { labels: { app: 'devin', ...labels } },
  spec: { terminationGracePeriodSeconds: 2, containers: [container()], ...spec },
})

export const kinds = [
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ReplicationController',
  'Job',
  'CronJob',
] as const
export type Kind = (typeof kinds)[number]

/** A workload of any kind around a template. */
export function workload(kind: Kind, namespace: string, name: string, pod: Template): object {
  const metadata = { name, namespace }
  const matching = { selector: { matchLabels: { app: 'devin' } }, template: pod }
  const jobSpec = { template: { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } } }
  switch (kind) {
    case 'Deployment':
    case 'DaemonSet':
    case 'ReplicaSet':
      return { apiVersion: 'apps/v1', kind, metadata, spec: matching }
    case 'StatefulSet':
      return { apiVersion: 'apps/v1', kind, metadata, spec: { ...matching, serviceName: name } }
    case 'ReplicationController':
      return { apiVersion: 'v1', kind, metadata, spec: { template: pod } }
    case 'Job':
      return { apiVersion: 'batch/v1', kind, metadata, spec: jobSpec }
    case 'CronJob':
      return {
        apiVersion: 'batch/v1',
        kind,
        metadata,
        spec: { schedule: '0 0 30 2 *', jobTemplate: { spec: jobSpec } },
      }
  }
}

/** One container that an injector puts before the others of its list; `members` of it in CEL. */
export interface Injected {
  readonly list: 'containers' | 'initContainers'
  readonly name: string
  readonly members: string
}

/** A policy of the API server that injects into every pod of the namespaces that are labelled `injector: NAME`. */
export function injector(name: string, { list, name: added, members }: Injected): object[] {
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name } }
  const value = `Object.spec.${list}{name: "${added}", ${members}}`
  const expression = `object.spec.${list}.exists(c, c.name == "${added}") ? [] : [JSONPatch{op: "add", path: "/spec/${list}/0", value: ${value}}]`
  return [
    {
      ...api,
      kind: 'MutatingAdmissionPolicy',
      spec: {
        matchConstraints: {
          namespaceSelector: { matchLabels: { injector: name } },
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
        failurePolicy: 'Fail',
        reinvocationPolicy: 'IfNeeded',
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
      },
    },
    { ...api, kind: 'MutatingAdmissionPolicyBinding', spec: { policyName: name } },
  ]
}
