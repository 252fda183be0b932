import type { EffectivePolicy } from '@chaperone/api'
import type { Target } from '@chaperone/core'
import type { Verdict } from '../verdict.ts'
import type { CompiledTiers } from './compiled-list.ts'
import { effectsOf } from './effects.ts'
import { noRuleMatched } from './judge.ts'

/**
 * Whether TLS to the destination passes unread. In its list the rule must come before all that speak of the destination, and
 * any other list must say the same or nothing: a rule that denies, asks or masks is never blinded by another.
 */
export function judgeTls(policy: EffectivePolicy, tiers: CompiledTiers, target: Target): Verdict {
  const firsts = tiers.flat().flatMap((list) => {
    const rules = list.at(target.host).all
    return rules.find(({ rule, ports }) => rule.to.protocol === 'HTTP' && ports?.includes(target.port) !== false) ?? []
  })
  // The session's own lists stand last, and the last word on an allowed destination is theirs.
  const winner = firsts.at(-1)
  if (winner === undefined || firsts.some(({ rule }) => rule.to.tls !== 'Passthrough'))
    return noRuleMatched(policy, target)
  return { kind: 'allow', rule: winner.ref, effects: { ...effectsOf(policy, winner.rule, firsts), mask: [] } }
}
