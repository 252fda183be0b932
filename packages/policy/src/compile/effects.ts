import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import type { Effects, Verdict } from '../verdict.ts'
import type { CompiledRule } from './compiled-rule.ts'

const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
const strictness = { allow: 0, approve: 1, deny: 2 } as const

/**
 * What a rule that lets an action pass adds to it. Masking adds up over every rule that matched, in any list: a looser one
 * never uncovers what another hides. Of the audit levels the fullest counts; credential and ranges are the winner's, or else
 * those of the first match that has any.
 */
export function effectsOf(
  policy: EffectivePolicy,
  winner?: EgressRule,
  matches: readonly CompiledRule[] = [],
): Effects {
  const rules = matches.filter((match) => match.rule.action !== 'Deny').map((match) => match.rule)
  const credential = winner?.credential ?? rules.find((rule) => rule.credential !== undefined)?.credential
  const cidrs = winner?.to.cidrs ?? rules.find((rule) => rule.to.cidrs !== undefined)?.to.cidrs
  const levels = rules.flatMap((rule) => rule.audit?.level ?? [])
  return {
    mask: [...new Set(rules.flatMap((rule) => rule.mask ?? []))],
    auditLevel: fullest(levels) ?? policy.audit.level,
    ...(credential === undefined ? {} : { credential }),
    ...(cidrs === undefined ? {} : { cidrs }),
  }
}

/** One verdict for an action of several pieces: the strictest, of equals the first, with the masks of all. */
export function combineVerdicts(verdicts: readonly Verdict[]): Verdict | undefined {
  const [first] = verdicts
  if (verdicts.length < 2 || first === undefined) return first
  const strictest = verdicts.reduce((worst, each) => (strictness[each.kind] > strictness[worst.kind] ? each : worst))
  if (strictest.kind === 'deny') return strictest
  const all = [strictest, ...verdicts].flatMap((verdict) => (verdict.kind === 'deny' ? [] : verdict.effects))
  const credential = all.find((effects) => effects.credential !== undefined)?.credential
  const cidrs = all.find((effects) => effects.cidrs !== undefined)?.cidrs
  return {
    ...strictest,
    effects: {
      mask: [...new Set(all.flatMap((effects) => effects.mask))],
      auditLevel: fullest(all.map((effects) => effects.auditLevel)) ?? strictest.effects.auditLevel,
      ...(credential === undefined ? {} : { credential }),
      ...(cidrs === undefined ? {} : { cidrs }),
    },
  }
}

function fullest(levels: readonly Effects['auditLevel'][]): Effects['auditLevel'] | undefined {
  return auditLevels.findLast((level) => levels.includes(level))
}
