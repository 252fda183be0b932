import {
  parseDurationMs,
  type AgentSession,
  type ClusterEgressPolicy,
  type EffectivePolicy,
  type EgressPolicy,
  type RuleList,
} from '@chaperone/api'
import { canonicalJson, sha256Hex, type Json } from '@chaperone/core'

export interface PolicySources {
  readonly session: AgentSession
  /** Those of the session's namespace. */
  readonly policies: readonly EgressPolicy[]
  readonly clusterPolicies: readonly ClusterEgressPolicy[]
}

/** Joins a session with everything it refers to. What cannot be resolved is named, and denies everything while it lasts. */
export function resolvePolicy({ session, policies, clusterPolicies }: PolicySources): EffectivePolicy {
  const { spec, metadata } = session
  const unresolved: string[] = []
  const cited = spec.policies.flatMap((reference, index) => {
    const policy = policies.find((candidate) => candidate.metadata.name === reference.name)
    if (policy === undefined)
      unresolved.push(
        `spec.policies[${index}]: ${reference.kind} "${reference.name}" does not exist in namespace "${metadata.namespace ?? ''}"`,
      )
    return policy ?? []
  })
  const cluster = [...clusterPolicies].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const tiers = [
    cluster.map((policy) => ruleList('ClusterEgressPolicy', policy)),
    [
      ...cited.map((policy) => ruleList('EgressPolicy', policy)),
      { source: `AgentSession/${metadata.name}`, rules: spec.egress.rules },
    ],
  ]
  const profiles = new Set(spec.masking.profiles.map((profile) => profile.name))
  for (const list of tiers.flat()) unresolved.push(...missingProfiles(list, profiles, `AgentSession/${metadata.name}`))
  const expiresAt =
    spec.limits?.duration === undefined || metadata.creationTimestamp === undefined
      ? undefined
      : new Date(Date.parse(metadata.creationTimestamp) + parseDurationMs(spec.limits.duration)).toISOString()
  const policy = {
    session: {
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid ?? '',
      agent: spec.agent.name,
      owner: spec.agent.owner ?? '',
    },
    suspended: spec.suspended,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    unresolved,
    tiers,
    default: spec.egress.default,
    caBundle: [spec.egress.caBundle, ...[...cited, ...cluster].map((source) => source.spec.caBundle)]
      .filter((pem) => pem !== undefined)
      .join('\n'),
    maskingProfiles: spec.masking.profiles,
    audit: spec.audit,
    ...(spec.limits?.requests === undefined ? {} : { maxRequests: spec.limits.requests }),
  }
  return { ...policy, hash: sha256Hex(canonicalJson(policy as unknown as Json)) }
}

function ruleList(kind: string, policy: EgressPolicy | ClusterEgressPolicy): RuleList {
  return { source: `${kind}/${policy.metadata.name}`, rules: policy.spec.rules }
}

function missingProfiles(list: RuleList, profiles: ReadonlySet<string>, own: string): string[] {
  const field = list.source === own ? 'spec.egress.rules' : `${list.source} spec.rules`
  return list.rules.flatMap((rule, index) =>
    (rule.mask ?? []).flatMap((name, at) =>
      profiles.has(name)
        ? []
        : [`${field}[${index}].mask[${at}]: "${name}" is not a profile in spec.masking.profiles of the session`],
    ),
  )
}
