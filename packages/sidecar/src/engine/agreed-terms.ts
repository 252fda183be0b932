import { isDeepStrictEqual } from 'node:util'
import { ruleId, type Action } from '@chaperone/core'
import type { Authorization, PolicyHolder, Refusal } from './engine.ts'

/**
 * What is open may stay so for days, and a policy may change between the verdict and the first byte: what passed goes on
 * only as long as it would pass in the very same way. Answers with what stands against it now, undefined for nothing.
 */
export function agreedTerms(
  policy: PolicyHolder,
  action: Action,
  { effects, rule, approval }: Extract<Authorization, { kind: 'pass' }>,
): () => Refusal | undefined {
  const profiles = () => policy.current?.source.maskingProfiles.filter(({ name }) => effects.mask.includes(name))
  const agreed = profiles()
  return () => {
    const verdict = policy.peek(action)
    if (verdict.kind === 'deny') return { ...verdict, kind: 'refuse' }
    // What a person agreed to was asked for by this rule.
    const isAgreed = verdict.kind === 'allow' || (approval !== undefined && ruleId(verdict.rule) === ruleId(rule))
    const isSame = isDeepStrictEqual(verdict.effects, effects) && isDeepStrictEqual(profiles(), agreed)
    return isAgreed && isSame ? undefined : { kind: 'refuse', reason: 'RuleDenied', message: 'the policy changed' }
  }
}
