import type { EffectivePolicy } from '@chaperone/api'
import { ruleId, type Target } from '@chaperone/core'
import type { Verdict } from '../verdict.ts'
import type { CompiledTiers } from './compiled-list.ts'
import { approvalTerms, type CompiledRule } from './compiled-rule.ts'
import { effectsOf } from './effects.ts'
import type { Piece } from './pieces.ts'

const rank = { Allow: 0, Approve: 1, Deny: 2 } as const

/**
 * Judges one piece. In a list the first rule that matches decides for the list; across the lists of a tier Deny beats
 * Approve beats Allow, and of equals the first list counts. Between the tiers: the cluster's Deny is final; its Approve
 * means at least Approve, so the session's Allow changes nothing and its Deny still denies; its Allow is a default that any
 * match of the session tier replaces. Only when neither tier matched does `egress.default` decide.
 */
export function judgePiece(policy: EffectivePolicy, tiers: CompiledTiers, target: Target, piece: Piece): Verdict {
  const matches: CompiledRule[] = []
  const [cluster, session] = tiers.map((lists) => {
    let strictest: CompiledRule | undefined
    for (const list of lists) {
      const match = list.at(target.host).firstMatch(target.port, piece)
      if (match === undefined) continue
      matches.push(match)
      if (strictest === undefined || rank[match.rule.action] > rank[strictest.rule.action]) strictest = match
    }
    return strictest
  })
  const winner = winnerOf(cluster, session)
  return winner === undefined ? byDefault(policy, target, piece) : verdictOf(policy, winner, matches)
}

function winnerOf(cluster: CompiledRule | undefined, session: CompiledRule | undefined): CompiledRule | undefined {
  if (cluster === undefined || session === undefined) return cluster ?? session
  if (cluster.rule.action === 'Allow') return session
  return rank[session.rule.action] > rank[cluster.rule.action] ? session : cluster
}

function verdictOf(policy: EffectivePolicy, winner: CompiledRule, matches: readonly CompiledRule[]): Verdict {
  if (winner.rule.action === 'Deny') return deniedBy(winner)
  const effects = effectsOf(policy, winner.rule, matches)
  if (winner.terms !== undefined) return { kind: 'approve', rule: winner.ref, effects, terms: winner.terms }
  return { kind: 'allow', rule: winner.ref, effects }
}

export function deniedBy({ rule, ref }: CompiledRule): Verdict {
  return { kind: 'deny', reason: 'RuleDenied', rule: ref, message: rule.reason ?? `rule ${ruleId(ref)} denies this` }
}

function byDefault(policy: EffectivePolicy, target: Target, piece: Piece): Verdict {
  const rule = { source: `AgentSession/${policy.session.name}`, name: 'default' }
  const effects = effectsOf(policy)
  switch (policy.default) {
    case 'Allow':
      return { kind: 'allow', rule, effects }
    case 'Approve':
      return { kind: 'approve', rule, effects, terms: approvalTerms() }
    case 'Deny':
      return noRuleMatched(policy, target, piece)
  }
}

/** Names what the agent asked for in words of ours; of its own words only the host. */
export function noRuleMatched(policy: EffectivePolicy, target: Target, piece?: Piece): Verdict {
  const act = piece?.protocol === 'Postgres' ? piece.statement.verbs.join(', ') : 'this'
  return {
    kind: 'deny',
    reason: 'NoRuleMatched',
    message: `no rule of AgentSession "${policy.session.name}" allows ${act} at ${target.host}:${target.port}`,
  }
}
