import type { Action } from '@chaperone/core'
import type { ExplainStep } from '../compiled-policy.ts'
import { canonicalHost } from '../destination/canonical-host.ts'
import type { CompiledTiers } from './compiled-list.ts'
import type { CompiledRule } from './compiled-rule.ts'
import type { Piece } from './pieces.ts'

/** Every rule in order of judgement. A rule matches an action when it matches any piece of it. */
export function explainSteps(tiers: CompiledTiers, action: Action, pieces: readonly Piece[]): ExplainStep[] {
  const host = canonicalHost(action.target.host)
  return tiers.flatMap((lists, tier) =>
    lists.flatMap((list) => {
      const here = new Set(host === undefined ? [] : list.at(host).all)
      return list.all.map((compiled): ExplainStep => {
        const because = here.has(compiled) ? firstMismatch(compiled, action.target.port, pieces) : 'host'
        return {
          tier: tier === 0 ? 'cluster' : 'session',
          rule: compiled.ref,
          action: compiled.rule.action,
          matched: because === undefined,
          ...(because === undefined ? {} : { because }),
        }
      })
    }),
  )
}

function firstMismatch(compiled: CompiledRule, port: number, pieces: readonly Piece[]): string | undefined {
  const mismatches = pieces.map((piece) => compiled.mismatch(port, piece))
  return mismatches.includes(undefined) ? undefined : (mismatches[0] ?? 'empty')
}
