import type { AgentSession, ClusterEgressPolicy, EffectivePolicy, EgressPolicy } from '@chaperone/api'
import { resolvePolicy } from '@chaperone/policy'

/** Read access to what the operator watches; always the latest that the API server told us. */
export interface Index {
  readonly synced: () => boolean
  readonly session: (namespace: string, name: string) => AgentSession | undefined
  readonly sessions: (namespace?: string) => readonly AgentSession[]
  readonly policies: (namespace: string) => readonly EgressPolicy[]
  readonly clusterPolicies: () => readonly ClusterEgressPolicy[]
}

/** The policy in force for a session, every reference resolved against the index. */
export function sessionPolicy(index: Index, session: AgentSession): EffectivePolicy {
  return resolvePolicy({
    session,
    policies: index.policies(session.metadata.namespace ?? ''),
    clusterPolicies: index.clusterPolicies(),
  })
}
