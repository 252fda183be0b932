import type { EffectivePolicy } from '@chaperone/api'
import type { Verdict } from '../verdict.ts'

/** What denies everything before any rule is read: a suspended or ended session, or a policy that is not whole. */
export function compileClosing(policy: EffectivePolicy): (nowMs: number) => Verdict | undefined {
  const named = `AgentSession "${policy.session.name}"`
  if (policy.suspended) return () => ({ kind: 'deny', reason: 'Suspended', message: `${named} is suspended` })
  const expiresAtMs = policy.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(policy.expiresAt)
  const ended: Verdict = {
    kind: 'deny',
    reason: 'SessionEnded',
    message: `${named} ended at ${policy.expiresAt ?? ''}`,
  }
  const defect = defectOf(policy, expiresAtMs)
  const incomplete: Verdict | undefined =
    defect === undefined
      ? undefined
      : { kind: 'deny', reason: 'PolicyUnavailable', message: `the policy is incomplete: ${defect}` }
  return (nowMs) => (nowMs >= expiresAtMs ? ended : incomplete)
}

function defectOf(policy: EffectivePolicy, expiresAtMs: number): string | undefined {
  if (policy.unresolved.length > 0) return policy.unresolved[0]
  if (Number.isNaN(expiresAtMs)) return 'expiresAt: must be an RFC 3339 date and time'
  // Without this a session tier that arrives alone would have the power of the cluster's.
  if (policy.tiers.length !== 2) return 'tiers: must be the cluster tier and the session tier'
  return undefined
}
