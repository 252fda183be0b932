import type { EffectivePolicy } from '@chaperone/api'
import type { Action, Protocol, Target } from '@chaperone/core'
import type { CompiledPolicy, DestinationStanding, ExplainStep } from '../compiled-policy.ts'
import type { Verdict } from '../verdict.ts'
import { compileList, type CompiledList } from './compiled-list.ts'
import { piecesOf, type Piece } from './compiled-rule.ts'
import { judgePiece } from './judge.ts'

const strictness = { allow: 0, approve: 1, deny: 2 } as const

/** Compiles once; judging allocates little and looks rules up by host. */
export function compilePolicy(policy: EffectivePolicy): CompiledPolicy {
  const tiers = policy.tiers.map((lists) => lists.map(compileList))
  const evaluate = (action: Action, nowMs: number): Verdict => {
    const closed = closedVerdict(policy, nowMs)
    if (closed !== undefined) return closed
    const verdicts = piecesOf(action).map((piece) => judgePiece(policy, tiers, action.target, piece))
    return (
      verdicts.reduce<Verdict | undefined>(
        (worst, verdict) =>
          worst === undefined || strictness[verdict.kind] > strictness[worst.kind] ? verdict : worst,
        undefined,
      ) ?? nothingToJudge(policy)
    )
  }
  return {
    source: policy,
    evaluate,
    destination: (host, port) => standingOf(policy, tiers, host, port),
    readsBody: (target, http) => !isPlain(policy, tiers, target, { protocol: 'HTTP', http }),
    needsSqlParser:
      policy.default !== 'Deny' ||
      tiers.flat().some((list) => list.all.some((rule) => rule.rule.to.protocol === 'Postgres')),
    explain: (action, nowMs) => ({ verdict: evaluate(action, nowMs), steps: explainSteps(tiers, action) }),
  }
}

/** What denies before any rule is read. */
function closedVerdict(policy: EffectivePolicy, nowMs: number): Verdict | undefined {
  if (policy.unresolved.length > 0)
    return {
      kind: 'deny',
      reason: 'PolicyUnavailable',
      message: `the policy is incomplete: ${policy.unresolved[0] ?? ''}`,
    }
  if (policy.suspended)
    return { kind: 'deny', reason: 'Suspended', message: `AgentSession "${policy.session.name}" is suspended` }
  if (policy.expiresAt !== undefined && Date.parse(policy.expiresAt) <= nowMs) {
    return {
      kind: 'deny',
      reason: 'SessionEnded',
      message: `AgentSession "${policy.session.name}" ended at ${policy.expiresAt}`,
    }
  }
  return undefined
}

/** An empty query string does nothing and is what drivers send to probe a connection. */
function nothingToJudge(policy: EffectivePolicy): Verdict {
  return {
    kind: 'allow',
    rule: { source: `AgentSession/${policy.session.name}`, name: 'empty' },
    effects: { mask: [], auditLevel: policy.audit.level },
  }
}

function isPlain(
  policy: EffectivePolicy,
  tiers: readonly (readonly CompiledList[])[],
  target: Target,
  piece: Piece,
): boolean {
  return judgePiece(policy, tiers, target, piece).kind !== 'approve'
}

function standingOf(
  policy: EffectivePolicy,
  tiers: readonly (readonly CompiledList[])[],
  host: string,
  port: number | undefined,
): DestinationStanding {
  const protocols = new Set<Protocol>()
  for (const list of tiers.flat()) {
    for (const { rule, ports } of list.at(host)) {
      if (rule.action !== 'Deny' && (port === undefined || ports.has(port))) protocols.add(rule.to.protocol)
    }
  }
  if (protocols.size > 0) return { kind: 'named', protocols: [...protocols] }
  return { kind: policy.default === 'Deny' ? 'refused' : 'default' }
}

function explainSteps(tiers: readonly (readonly CompiledList[])[], action: Action): ExplainStep[] {
  const pieces = piecesOf(action)
  return tiers.flatMap((lists, tier) =>
    lists.flatMap((list) => {
      const here = new Set(list.at(action.target.host))
      return list.all.map((compiled) => {
        const because = here.has(compiled)
          ? firstMismatch(pieces.map((piece) => compiled.mismatch(action.target.port, piece)))
          : 'host'
        const step = {
          tier: tier === 0 ? 'cluster' : 'session',
          rule: compiled.ref,
          action: compiled.rule.action,
          matched: because === undefined,
        } as const
        return because === undefined ? step : { ...step, because }
      })
    }),
  )
}

/** A rule matches a query when it matches any of its statements. */
function firstMismatch(mismatches: readonly (string | undefined)[]): string | undefined {
  return mismatches.includes(undefined) ? undefined : mismatches[0]
}
