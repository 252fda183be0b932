import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import { ruleId, type Target } from '@chaperone/core'
import type { Effects, Verdict } from '../verdict.ts'
import type { CompiledList } from './compiled-list.ts'
import { approvalTerms, type CompiledRule, type Piece } from './compiled-rule.ts'

const rank = { Allow: 0, Approve: 1, Deny: 2 } as const

/**
 * Judges one piece. In a list the first rule that matches decides; across the lists of a tier Deny beats Approve beats
 * Allow. The cluster tier's Deny is final and its Approve can only be tightened; its Allow is a default for the session
 * tier, where no match leaves `egress.default` unless the cluster tier had an answer.
 */
export function judgePiece(
  policy: EffectivePolicy,
  tiers: readonly (readonly CompiledList[])[],
  target: Target,
  piece: Piece,
): Verdict {
  const matches = tiers.map((lists) =>
    lists.flatMap((list) => list.at(target.host).find((rule) => rule.mismatch(target.port, piece) === undefined) ?? []),
  )
  const strictest = matches.map(strictestOf)
  const [cluster, session] = [strictest[0], strictest[1]]
  const winner =
    cluster === undefined
      ? session
      : session === undefined
        ? cluster
        : cluster.rule.action === 'Allow' || rank[session.rule.action] > rank[cluster.rule.action]
          ? session
          : cluster
  if (winner === undefined) return byDefault(policy, target)
  const passing = matches.flat().filter((match) => match.rule.action !== 'Deny')
  return verdictOf(policy, winner, passing)
}

function strictestOf(matches: readonly CompiledRule[]): CompiledRule | undefined {
  return matches.reduce<CompiledRule | undefined>(
    (best, match) => (best === undefined || rank[match.rule.action] > rank[best.rule.action] ? match : best),
    undefined,
  )
}

function verdictOf(policy: EffectivePolicy, winner: CompiledRule, passing: readonly CompiledRule[]): Verdict {
  if (winner.rule.action === 'Deny') {
    return {
      kind: 'deny',
      reason: 'RuleDenied',
      rule: winner.ref,
      message: winner.rule.reason ?? `rule ${ruleId(winner.ref)} denies this`,
    }
  }
  const effects = effectsOf(policy, winner.rule, passing)
  if (winner.terms !== undefined) return { kind: 'approve', rule: winner.ref, effects, terms: winner.terms }
  return { kind: 'allow', rule: winner.ref, effects }
}

/** Masking adds up over every rule that matched: a looser list never uncovers what another masks. */
function effectsOf(policy: EffectivePolicy, rule: EgressRule, passing: readonly CompiledRule[]): Effects {
  const credential = rule.credential ?? passing.find((match) => match.rule.credential !== undefined)?.rule.credential
  return {
    mask: [...new Set(passing.flatMap((match) => match.rule.mask ?? []))],
    auditLevel: rule.audit?.level ?? policy.audit.level,
    ...(credential === undefined ? {} : { credential }),
    ...(rule.to.cidrs === undefined ? {} : { cidrs: rule.to.cidrs }),
  }
}

function byDefault(policy: EffectivePolicy, target: Target): Verdict {
  const rule = { source: `AgentSession/${policy.session.name}`, name: 'default' }
  const effects: Effects = { mask: [], auditLevel: policy.audit.level }
  switch (policy.default) {
    case 'Allow':
      return { kind: 'allow', rule, effects }
    case 'Approve':
      return { kind: 'approve', rule, effects, terms: approvalTerms() }
    case 'Deny':
      return {
        kind: 'deny',
        reason: 'NoRuleMatched',
        message: `no rule of AgentSession "${policy.session.name}" allows this action at ${target.host}:${target.port}`,
      }
  }
}
