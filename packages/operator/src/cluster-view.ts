import {
  labels,
  type AgentSession,
  type ApprovalRequest,
  type ClusterEgressPolicy,
  type EgressPolicy,
} from '@chaperone/api'
import { errorText, type Clock, type Random } from '@chaperone/core'
import { createReflector, type KubeClient, type KubeObject, type Reflector, type Resource } from '@chaperone/kube'
import type { Logger } from 'pino'
import type { Index } from './binding/session-policy.ts'
import type { Pod } from './inject/pod.ts'
import {
  agentSessions,
  approvalRequests,
  clusterEgressPolicies,
  egressPolicies,
  networkPolicies,
  pods,
  type NetworkPolicy,
} from './resources.ts'

/** Everything that the operator watches, and nothing more. */
export interface ClusterView {
  readonly sessions: Reflector<AgentSession>
  readonly policies: Reflector<EgressPolicy>
  readonly clusterPolicies: Reflector<ClusterEgressPolicy>
  readonly approvals: Reflector<ApprovalRequest>
  /** Pods that carry our label. */
  readonly pods: Reflector<Pod & KubeObject>
  /** Those of sessions. */
  readonly networkPolicies: Reflector<NetworkPolicy>
  readonly index: Index
  run(signal: AbortSignal): Promise<void>
}

export function createClusterView(ports: {
  client: KubeClient
  clock: Clock
  random: Random
  log: Logger
}): ClusterView {
  const { log, ...shared } = ports
  const follow = <T extends KubeObject>(resource: Resource<T>, labelSelector?: string): Reflector<T> =>
    createReflector({
      ...shared,
      resource,
      ...(labelSelector === undefined ? {} : { labelSelector }),
      observer: {
        failed: (error, retryMs) =>
          log.warn({ resource: resource.plural, error: errorText(error), retryMs }, 'watch failed'),
        handlerFailed: (error) =>
          log.error({ resource: resource.plural, error: errorText(error) }, 'event handler failed'),
      },
    })
  const sessions = follow(agentSessions)
  const policies = follow(egressPolicies)
  const clusterPolicies = follow(clusterEgressPolicies)
  const approvals = follow(approvalRequests)
  const podReflector = follow(pods, labels.injected)
  const networkPolicyReflector = follow(networkPolicies, labels.session)
  const all = [sessions, policies, clusterPolicies, approvals, podReflector, networkPolicyReflector]
  return {
    sessions,
    policies,
    clusterPolicies,
    approvals,
    pods: podReflector,
    networkPolicies: networkPolicyReflector,
    index: {
      synced: () => all.every((reflector) => reflector.hasSynced()),
      session: (namespace, name) => sessions.store.get(`${namespace}/${name}`),
      sessions: (namespace) => sessions.store.list(namespace),
      policies: (namespace) => policies.store.list(namespace),
      clusterPolicies: () => clusterPolicies.store.list(),
    },
    async run(signal) {
      await Promise.all(all.map((reflector) => reflector.run(signal)))
    },
  }
}
