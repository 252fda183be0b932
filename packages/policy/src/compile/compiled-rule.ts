import { approvalDefaults, parseDurationMs, type EgressRule } from '@chaperone/api'
import type { RuleRef } from '@chaperone/core'
import { portsOf } from '../destination/rule-ports.ts'
import { compileHttpMatch } from '../http/match-http.ts'
import { globKeys } from '../http/path-keys.ts'
import { compileSqlMatch } from '../sql/match-sql.ts'
import { patternKeys } from '../sql/table-keys.ts'
import type { ApprovalTerms } from '../verdict.ts'
import type { Piece } from './pieces.ts'

export interface CompiledRule {
  readonly rule: EgressRule
  readonly ref: RuleRef
  /** Undefined is any port. */
  readonly ports: readonly number[] | undefined
  readonly terms: ApprovalTerms | undefined
  /** Keys of which a piece must have one to match; undefined: none is needed. */
  readonly keys: readonly string[] | undefined
  /** What keeps the rule from matching, or undefined when it matches; hosts are the index's business. */
  mismatch(port: number, piece: Piece): string | undefined
}

export function compileRule(source: string, rule: EgressRule): CompiledRule {
  const ports = portsOf(rule)
  const { protocol } = rule.to
  const http = compileHttpMatch(rule.match?.http, rule.action)
  const sql = compileSqlMatch(rule.match?.sql, rule.action)
  return {
    rule,
    ref: { source, name: rule.name },
    ports,
    terms: rule.action === 'Approve' ? approvalTerms(rule) : undefined,
    keys: keysOf(rule),
    mismatch(port, piece) {
      if (ports?.includes(port) === false) return 'port'
      if (piece.protocol !== protocol) return 'protocol'
      // What such a rule allows is what nobody reads; a request that was read is not it.
      if (rule.to.tls === 'Passthrough') return 'tls'
      return piece.protocol === 'HTTP' ? http(piece.request) : sql(piece.statement)
    },
  }
}

function keysOf({ match, action }: EgressRule): readonly string[] | undefined {
  if (match?.http?.paths !== undefined) return globKeys(match.http.paths, action === 'Allow' ? 'exact' : 'loose')
  return match?.sql?.tables === undefined ? undefined : patternKeys(match.sql.tables)
}

/** The terms of a rule, or those of `egress.default`. */
export function approvalTerms(rule?: EgressRule): ApprovalTerms {
  const { hold, expires, grant } = rule?.approval ?? approvalDefaults
  return {
    holdMs: parseDurationMs(hold),
    expiresMs: parseDurationMs(expires),
    grant,
    ...(rule?.reason === undefined ? {} : { reason: rule.reason }),
  }
}
