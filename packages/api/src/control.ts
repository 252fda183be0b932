import type { PodRef } from '@chaperone/core'
import type { EffectivePolicy } from './effective-policy.ts'
import type { ApprovalRequestSpec } from './kinds/approval-request.ts'

/**
 * The control protocol between a sidecar and whoever directs it: the operator, or `chaperone run` on a laptop. HTTP/1.1
 * with JSON bodies; `Authorization: Bearer` carries the pod-bound token (audience `chaperone`), from which alone the
 * server learns which pod speaks.
 *
 *     GET  /v1/events                    → 200 application/x-ndjson, one ControlEvent a line, without end
 *     POST /v1/approvals                 ApprovalAsk → ApprovalState       (the same digest gives the same request)
 *     POST /v1/approvals/{name}/consume  → 204, or 409 when it was consumed already or is not approved
 *     POST /v1/approvals/{name}/cancel   → 204                              (the agent went away while it was held)
 *     POST /v1/heartbeat                 Heartbeat → 204
 */
export const controlPaths = {
  events: '/v1/events',
  approvals: '/v1/approvals',
  heartbeat: '/v1/heartbeat',
} as const

/** Audience of the projected service account token. */
export const controlAudience = 'chaperone'

/**
 * Below the folder of the credentials of a sidecar, where a Secret's values are at `<secret>/<key>`: `token` of the pod's own
 * service account, and `ca.crt`, the authority of the cluster's API. No Secret can have such a name.
 */
export const serviceAccountFolder = '_service-account'

/** The server writes a ping this often; a client that hears nothing for three times as long reconnects. */
export const controlPingIntervalMs = 10_000

/** First a `policy` and every open `approval`; then whatever changes. */
export type ControlEvent =
  | { readonly type: 'policy'; readonly policy: EffectivePolicy; readonly pod: PodRef }
  /** The session is gone, or the pod may not belong to it: deny everything. */
  | { readonly type: 'unbound'; readonly message: string }
  | { readonly type: 'approval'; readonly approval: ApprovalState }
  /** PEM of the certificate authorities that may sign the control server from now on. */
  | { readonly type: 'trust'; readonly caBundle: string }
  | { readonly type: 'ping' }

export type ApprovalOutcome = 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled'

export interface ApprovalState {
  readonly name: string
  readonly digest: string
  readonly outcome: ApprovalOutcome
  readonly grant: ApprovalRequestSpec['grant']
  readonly consumed: boolean
  /** RFC 3339. */
  readonly expiresAt: string
  readonly by?: string
  readonly reason?: string
}

export interface ApprovalAsk {
  readonly rule: string
  readonly reason?: string
  readonly action: ApprovalRequestSpec['action']
  readonly grant: ApprovalRequestSpec['grant']
  readonly expiresInMs: number
}

/** A destination for which TLS clients of the agent refused our certificate. */
export interface RefusedCertificate {
  readonly host: string
  readonly port: number
  /** The last client's TLS alert (RFC 8446 §6.2), `unknown_ca`, or `connection closed`. */
  readonly cause: string
  readonly count: number
}

/** The most that a heartbeat tells of. */
export const maxRefusedCertificates = 16

/** Why a pod is, or is not, known to have no way around its sidecar. */
export const containmentReasons = ['Verified', 'EscapeFound', 'CheckOverdue', 'NotReported', 'ProxyMode'] as const
export type ContainmentReason = (typeof containmentReasons)[number]

/** What the self-test of a pod is worth now. */
export interface Contained {
  /** As good as `Verified`. */
  readonly ok: boolean
  readonly reason: ContainmentReason
  readonly message?: string
  /** When the last self-test ended, RFC 3339. */
  readonly checkedAt?: string
}

/** What a sidecar reports every few seconds and whenever something of weight changed. */
export interface Heartbeat {
  readonly policyHash?: string
  readonly contained: Contained
  readonly counters: { readonly requests: number; readonly denied: number; readonly masked: number }
  readonly audit: {
    readonly sequence: number
    readonly head: string
    readonly deliveredSequence: number
    readonly publicKey?: string
    readonly message?: string
  }
  /** Absent when there are none. */
  readonly refusedCertificates?: readonly RefusedCertificate[]
}
