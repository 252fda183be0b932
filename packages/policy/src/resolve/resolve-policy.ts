import {
  parseDurationMs,
  type AgentSession,
  type ClusterEgressPolicy,
  type EffectivePolicy,
  type EgressPolicy,
  type RuleList,
} from '@chaperone/api'
import { canonicalJson, sha256Hex, type Json } from '@chaperone/core'
import { duplicateProfiles, duplicateRules, missingProfiles } from './check-references.ts'

export interface PolicySources {
  readonly session: AgentSession
  /** Those of the session's namespace; others are not considered. */
  readonly policies: readonly EgressPolicy[]
  readonly clusterPolicies: readonly ClusterEgressPolicy[]
  /** Milliseconds since the Unix epoch from which `limits.duration` counts when the session has no creationTimestamp. */
  readonly nowMs?: number
}

/** Joins a session with everything it refers to. What cannot be resolved is named, and denies everything while it lasts. */
export function resolvePolicy({ session, policies, clusterPolicies, nowMs }: PolicySources): EffectivePolicy {
  const { spec, metadata } = session
  const own = `AgentSession/${metadata.name}`
  const cited = citedPolicies(session, policies)
  const cluster = [...clusterPolicies].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const tiers: RuleList[][] = [
    cluster.map((policy) => ruleList('ClusterEgressPolicy', policy)),
    [...cited.found.map((policy) => ruleList('EgressPolicy', policy)), { source: own, rules: spec.egress.rules }],
  ]
  const expiry = expiryOf(session, nowMs)
  const lists = tiers.flat()
  const policy = {
    session: {
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid ?? '',
      agent: spec.agent.name,
      owner: spec.agent.owner ?? '',
    },
    suspended: spec.suspended,
    ...(expiry.at === undefined ? {} : { expiresAt: expiry.at }),
    unresolved: [
      ...cited.unresolved,
      ...lists.flatMap((list) => duplicateRules(list, own)),
      ...lists.flatMap((list) => missingProfiles(list, spec.masking.profiles, own)),
      ...duplicateProfiles(spec.masking.profiles),
      ...expiry.unresolved,
    ],
    tiers,
    default: spec.egress.default,
    caBundle: [spec.egress.caBundle, ...[...cited.found, ...cluster].map((source) => source.spec.caBundle)]
      .flatMap((pem) => (pem === undefined ? [] : `${pem.trim()}\n`))
      .join(''),
    maskingProfiles: spec.masking.profiles,
    audit: spec.audit,
    ...(spec.limits?.requests === undefined ? {} : { maxRequests: spec.limits.requests }),
  }
  return { ...policy, hash: sha256Hex(canonicalJson(policy as unknown as Json)) }
}

interface Cited {
  readonly found: readonly EgressPolicy[]
  readonly unresolved: readonly string[]
}

function citedPolicies({ spec, metadata }: AgentSession, policies: readonly EgressPolicy[]): Cited {
  const namespace = metadata.namespace ?? ''
  const found: EgressPolicy[] = []
  const unresolved: string[] = []
  const seen = new Set<string>()
  for (const [index, { kind, name }] of spec.policies.entries()) {
    const field = `spec.policies[${index}]: ${kind} "${name}"`
    const policy = policies.find(
      (candidate) => candidate.metadata.name === name && (candidate.metadata.namespace ?? namespace) === namespace,
    )
    if (seen.has(name)) unresolved.push(`${field} is listed twice`)
    else if (policy === undefined) unresolved.push(`${field} not found in namespace "${namespace}"`)
    else found.push(policy)
    seen.add(name)
  }
  return { found, unresolved }
}

function expiryOf({ spec, metadata }: AgentSession, nowMs: number | undefined): { at?: string; unresolved: string[] } {
  if (spec.limits?.duration === undefined) return { unresolved: [] }
  const fromMs = metadata.creationTimestamp === undefined ? nowMs : Date.parse(metadata.creationTimestamp)
  const at = new Date((fromMs ?? Number.NaN) + parseDurationMs(spec.limits.duration))
  // A limit that cannot be computed must not be a limit that never comes.
  if (Number.isNaN(at.getTime()))
    return { unresolved: ['spec.limits.duration: metadata.creationTimestamp is not a date and time to count from'] }
  return { at: at.toISOString(), unresolved: [] }
}

function ruleList(kind: string, policy: EgressPolicy | ClusterEgressPolicy): RuleList {
  return { source: `${kind}/${policy.metadata.name}`, rules: policy.spec.rules }
}
