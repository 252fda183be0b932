import { denials, ruleId, type DenialReason } from '@chaperone/core'
import { postgres } from '@chaperone/wire'
import type { Refusal } from '../engine/engine.ts'

/** SQLSTATE of a refusal (PostgreSQL docs, appendix A); insufficient_privilege unless something says more. */
const states: Partial<Record<DenialReason, string>> = {
  Unparseable: '42601',
  LimitExceeded: '53400',
  UpstreamUnreachable: '08006',
  UpstreamUntrusted: '08006',
  CredentialUnavailable: '28000',
  PolicyUnavailable: '57P03',
  NotContained: '57P03',
  AuditUnavailable: '57P03',
  ApprovalUnavailable: '57P03',
}

/** What ends a connection because it is not the protocol: protocol_violation. */
const protocolViolation = '08P01'

/** An ErrorResponse that says what rule stopped the statement and what to do; the connection lives unless it is FATAL. */
export function postgresRefusal(refusal: Refusal, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer {
  const { reason, message, rule, approval } = refusal
  const { title, next } = denials[reason]
  const details = [
    rule === undefined ? undefined : `Rule: ${ruleId(rule)}.`,
    approval === undefined ? undefined : `Approval: ${approval.name}.`,
    approval?.retryAfterSeconds === undefined ? undefined : `Retry after ${approval.retryAfterSeconds} s.`,
  ]
  const detail = details.filter((part) => part !== undefined).join(' ')
  return postgres.encodeError({
    severity,
    code: severity === 'FATAL' && reason === 'Unparseable' ? protocolViolation : (states[reason] ?? '42501'),
    message: `${title}: ${message}`,
    ...(detail === '' ? {} : { detail }),
    hint: next,
  })
}

/** Told while a statement waits for a person: a sign of life that clients show. */
export function postgresHeld(approvalName: string): Buffer {
  return postgres.encodeError({ severity: 'NOTICE', code: '00000', message: `waiting for approval ${approvalName}` })
}
