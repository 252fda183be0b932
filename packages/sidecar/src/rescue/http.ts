import { denials, ruleId, type DenialReason } from '@chaperone/core'
import { approvalPath } from '../approvals/approval-path.ts'
import type { Refusal } from '../engine/engine.ts'

/** A refusal in HTTP's words. */
export interface HttpRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** RFC 9110 §15, and 423 (RFC 4918 §11.3) for what waits for a person. */
const statuses: Readonly<Record<DenialReason, number>> = {
  RuleDenied: 403,
  NoRuleMatched: 403,
  Suspended: 403,
  SessionEnded: 403,
  LimitExceeded: 429,
  PolicyUnavailable: 503,
  NotContained: 503,
  Unparseable: 400,
  NameMismatch: 421,
  DestinationForbidden: 403,
  ApprovalPending: 423,
  ApprovalDenied: 403,
  ApprovalExpired: 403,
  ApprovalUnavailable: 503,
  BodyTooLarge: 413,
  MaskingFailed: 502,
  AuditUnavailable: 503,
  UpstreamUnreachable: 502,
  UpstreamUntrusted: 502,
  CredentialUnavailable: 502,
}

/** Problem details (RFC 9457) that a model can act on. */
export function httpRefusal(refusal: Refusal): HttpRefusal {
  const { reason, message, rule, approval } = refusal
  const { title, next } = denials[reason]
  const status = statuses[reason]
  const retryAfter = approval?.retryAfterSeconds ?? (status === 503 ? 15 : undefined)
  // A reference, resolved against the URL of the request: the sidecar answers on whatever host that was.
  const url = approval !== undefined && reason === 'ApprovalPending' ? approvalPath(approval.name) : undefined
  return problem(status, reason, {
    headers: {
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      // RFC 8631 §4.3
      ...(url === undefined ? {} : { link: `<${url}>; rel="status"` }),
    },
    title,
    detail: message,
    reason,
    ...(rule === undefined ? {} : { rule: ruleId(rule) }),
    next: url === undefined ? next : `GET approval.url on this host answers when a person has decided. ${next}`,
    ...(approval === undefined ? {} : { approval: { id: approval.name, ...(url === undefined ? {} : { url }) } }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

interface ProblemDetails {
  readonly headers?: Readonly<Record<string, string>>
  readonly title: string
  readonly detail: string
  readonly [extension: string]: unknown
}

export function problem(status: number, name: string, { headers, title, ...rest }: ProblemDetails): HttpRefusal {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: `${JSON.stringify({ type: `https://chaperone.dev/problems/${name}`, title, status, ...rest })}\n`,
  }
}

/** All of it in words, for protocols that have one member for that. */
export function refusalText({ reason, message, approval }: Refusal): string {
  const { title, next } = denials[reason]
  return `${title}: ${message}. ${next}${approval === undefined ? '' : ` Approval: ${approval.name}.`}`
}

/** gRPC status of a refusal (grpc/doc/statuscodes.md): UNAVAILABLE where a retry may help, PERMISSION_DENIED elsewhere. */
export function grpcRefusal(refusal: Refusal): Readonly<Record<string, string>> {
  const status = statuses[refusal.reason]
  const code = status === 503 || status === 502 || status === 423 ? 14 : status === 429 ? 8 : 7
  // Percent-encoded as the gRPC HTTP/2 mapping says ("Percent-Encoded").
  const message = refusalText(refusal).replaceAll(/[^ -~]|%/g, (character) => encodeURIComponent(character))
  return { 'content-type': 'application/grpc', 'grpc-status': String(code), 'grpc-message': message }
}
