import type { EffectivePolicy } from '@chaperone/api'
import type { Action, Target } from '@chaperone/core'
import type { CompiledPolicy } from '../compiled-policy.ts'
import { canonicalHost } from '../destination/canonical-host.ts'
import type { Verdict } from '../verdict.ts'
import { compileClosing } from './closing.ts'
import { compileList } from './compiled-list.ts'
import { combineVerdicts } from './effects.ts'
import { explainSteps } from './explain-steps.ts'
import { judgePiece } from './judge.ts'
import { judgeTls } from './passthrough.ts'
import { piecesOf, requestPieces, type Piece } from './pieces.ts'
import { judgeEmptyQuery, standingOf } from './standing.ts'

/** Compiles once; judging allocates little and looks rules up by host. */
export function compilePolicy(policy: EffectivePolicy): CompiledPolicy {
  const tiers = policy.tiers.map((lists) => lists.map(compileList))
  const closing = compileClosing(policy)
  const judge = (target: Target, pieces: readonly Piece[] | undefined): Verdict => {
    const host = canonicalHost(target.host)
    if (host === undefined) return unparseable(unnamed)
    if (pieces === undefined) return unparseable('the path or method of the request can be read in more than one way')
    const named = { host, port: target.port }
    return (
      combineVerdicts(pieces.map((piece) => judgePiece(policy, tiers, named, piece))) ??
      judgeEmptyQuery(policy, tiers, named)
    )
  }
  const judgeConnection = (target: Target): Verdict => {
    const host = canonicalHost(target.host)
    return host === undefined ? unparseable(unnamed) : judgeTls(policy, tiers, { host, port: target.port })
  }
  const evaluate = (action: Action, nowMs: number): Verdict =>
    closing(nowMs) ??
    (action.protocol === 'TLS' ? judgeConnection(action.target) : judge(action.target, piecesOf(action)))
  return {
    source: policy,
    evaluate,
    destination: (host, port) => standingOf(policy, tiers, host, port),
    readsBody: (target, http) => judge(target, requestPieces(http)).kind === 'approve',
    needsSqlParser:
      policy.default !== 'Deny' ||
      policy.tiers.flat().some((list) => list.rules.some((rule) => rule.to.protocol === 'Postgres')),
    explain: (action, nowMs) => ({
      verdict: evaluate(action, nowMs),
      steps: explainSteps(tiers, action, action.protocol === 'TLS' ? [] : (piecesOf(action) ?? [])),
    }),
  }
}

const unnamed = 'the host is not a name or an IP address'

function unparseable(message: string): Verdict {
  return { kind: 'deny', reason: 'Unparseable', message }
}
