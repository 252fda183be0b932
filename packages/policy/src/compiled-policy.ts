import type { EffectivePolicy } from '@chaperone/api'
import type { Action, HttpFacet, Protocol, RuleRef, Target } from '@chaperone/core'
import type { Verdict } from './verdict.ts'

/** How a destination stands before anything is known of the action. */
export type DestinationStanding =
  /** A rule other than Deny names it, with these protocols. */
  | { readonly kind: 'named'; readonly protocols: readonly Protocol[] }
  /** Only `egress.default` would let it pass (Allow or Approve). */
  | { readonly kind: 'default' }
  /** Nothing can ever be allowed there. */
  | { readonly kind: 'refused' }

/** A policy ready to judge. Pure: no I/O, no clock; `nowMs` comes from the caller. */
export interface CompiledPolicy {
  readonly source: EffectivePolicy
  /**
   * Judges one whole action. A Postgres action without statements is what opening a connection takes, before anything is asked
   * on it: the credential of the first rule that has one, and the ranges of all rules that could let something pass.
   */
  evaluate(action: Action, nowMs: number): Verdict
  /** For connections and DNS. `port` absent: any port (a DNS question has none). */
  destination(host: string, port?: number): DestinationStanding
  /** Whether a rule may hold this request for approval, so that its whole body must be read and bound first. */
  readsBody(target: Target, http: Omit<HttpFacet, 'body'>): boolean
  /** Whether some rule speaks of SQL, so that the parser must be loaded. */
  readonly needsSqlParser: boolean
  /** Every rule in order of judgement and whether it matched, for `chaperone explain`. */
  explain(action: Action, nowMs: number): { readonly verdict: Verdict; readonly steps: readonly ExplainStep[] }
}

export interface ExplainStep {
  readonly tier: 'cluster' | 'session'
  readonly rule: RuleRef
  readonly action: 'Allow' | 'Deny' | 'Approve'
  readonly matched: boolean
  /** The first thing that did not match: `host`, `port`, `method`, `path`, `sql verb Delete`, … */
  readonly because?: string
}
