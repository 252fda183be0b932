import type { SessionRef } from '@chaperone/core'
import type { AgentSessionSpec } from './kinds/agent-session.ts'
import type { MaskingProfile } from './shapes/masking.ts'
import type { EgressRule } from './shapes/rule.ts'

/** One list of rules and where it stands, `EgressPolicy/github-read`. */
export interface RuleList {
  readonly source: string
  readonly rules: readonly EgressRule[]
}

/**
 * Everything a sidecar needs to judge, with every reference resolved. Made by the operator, or by `chaperone run` from a
 * file; compiled by the policy package.
 */
export interface EffectivePolicy {
  readonly session: SessionRef & { readonly agent: string; readonly owner: string }
  /** SHA-256 over the canonical JSON of everything else. */
  readonly hash: string
  readonly suspended: boolean
  /** RFC 3339; from then on everything is denied. */
  readonly expiresAt?: string
  /** References that could not be resolved; while there are any, everything is denied. */
  readonly unresolved: readonly string[]
  /** Cluster tier, then session tier; a Deny of an earlier tier is final. */
  readonly tiers: readonly (readonly RuleList[])[]
  readonly default: AgentSessionSpec['egress']['default']
  readonly caBundle: string
  readonly maskingProfiles: readonly MaskingProfile[]
  readonly audit: AgentSessionSpec['audit']
  readonly maxRequests?: number
}
