import {
  group,
  version,
  type AgentSession,
  type ApprovalRequest,
  type ClusterEgressPolicy,
  type EgressPolicy,
} from '@chaperone/api'
import type { KubeObject, Resource } from '@chaperone/kube'
import type { Pod } from './inject/pod.ts'

const ours = { group, version } as const

export const agentSessions: Resource<AgentSession> = {
  ...ours,
  plural: 'agentsessions',
  kind: 'AgentSession',
  namespaced: true,
}
export const egressPolicies: Resource<EgressPolicy> = {
  ...ours,
  plural: 'egresspolicies',
  kind: 'EgressPolicy',
  namespaced: true,
}
export const clusterEgressPolicies: Resource<ClusterEgressPolicy> = {
  ...ours,
  plural: 'clusteregresspolicies',
  kind: 'ClusterEgressPolicy',
  namespaced: false,
}
export const approvalRequests: Resource<ApprovalRequest> = {
  ...ours,
  plural: 'approvalrequests',
  kind: 'ApprovalRequest',
  namespaced: true,
}

export const pods: Resource<Pod & KubeObject> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
}
export const namespaces: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
}

export interface NetworkPolicy extends KubeObject {
  readonly spec: object
}
export const networkPolicies: Resource<NetworkPolicy> = {
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
}

export interface Secret extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>
  readonly type?: string
}
export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
}

export interface MutatingWebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[]
}
export const mutatingWebhookConfigurations: Resource<MutatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
}
