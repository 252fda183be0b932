import { approvalDefaults, parseDurationMs, type EgressRule } from '@chaperone/api'
import type { Action, HttpFacet, RuleRef, SqlStatement } from '@chaperone/core'
import { portsOf } from '../destination/default-ports.ts'
import { compileHttpMatch } from '../http/match-http.ts'
import { compileSqlMatch } from '../sql/match-sql.ts'
import type { ApprovalTerms } from '../verdict.ts'

/** One judgeable piece of an action: a request, or one of the statements of a query. */
export type Piece =
  | { readonly protocol: 'HTTP'; readonly http: Omit<HttpFacet, 'body'> }
  | { readonly protocol: 'Postgres'; readonly statement: SqlStatement }

export interface CompiledRule {
  readonly rule: EgressRule
  readonly ref: RuleRef
  readonly ports: ReadonlySet<number>
  readonly terms: ApprovalTerms | undefined
  /** What keeps the rule from matching, or undefined when it matches; hosts are the index's business. */
  mismatch(port: number, piece: Piece): string | undefined
}

export function compileRule(source: string, rule: EgressRule): CompiledRule {
  const ports = new Set(portsOf(rule))
  const http = compileHttpMatch(rule.match?.http, rule.action)
  const sql = compileSqlMatch(rule.match?.sql, rule.action)
  return {
    rule,
    ref: { source, name: rule.name },
    ports,
    terms: rule.action === 'Approve' ? approvalTerms(rule) : undefined,
    mismatch(port, piece) {
      if (!ports.has(port)) return 'port'
      if (piece.protocol !== rule.to.protocol) return 'protocol'
      return piece.protocol === 'HTTP' ? http(piece.http) : sql(piece.statement)
    },
  }
}

export function approvalTerms(rule?: EgressRule): ApprovalTerms {
  const { hold, expires, grant } = rule?.approval ?? approvalDefaults
  return {
    holdMs: parseDurationMs(hold),
    expiresMs: parseDurationMs(expires),
    grant,
    ...(rule?.reason === undefined ? {} : { reason: rule.reason }),
  }
}

/** Every piece of an action must pass; a query without statements (empty) is one piece that does nothing. */
export function piecesOf(action: Action): Piece[] {
  if (action.protocol === 'HTTP') return [{ protocol: 'HTTP', http: action.http }]
  return action.sql.statements.map((statement) => ({ protocol: 'Postgres', statement }))
}
