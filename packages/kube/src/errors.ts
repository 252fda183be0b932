import { CodedError } from '@chaperone/core'

export type KubeErrorCode =
  | 'ERR_KUBE_BAD_REQUEST'
  | 'ERR_KUBE_UNAUTHORIZED'
  | 'ERR_KUBE_FORBIDDEN'
  | 'ERR_KUBE_NOT_FOUND'
  | 'ERR_KUBE_UNSUPPORTED'
  | 'ERR_KUBE_ALREADY_EXISTS'
  | 'ERR_KUBE_CONFLICT'
  | 'ERR_KUBE_GONE'
  | 'ERR_KUBE_TOO_LARGE'
  | 'ERR_KUBE_INVALID'
  | 'ERR_KUBE_TOO_MANY_REQUESTS'
  | 'ERR_KUBE_INTERNAL'
  /** Not reached, or not serving. A write may or may not have taken effect. */
  | 'ERR_KUBE_UNAVAILABLE'
  /** Our deadline or the server's. A write may or may not have taken effect. */
  | 'ERR_KUBE_TIMEOUT'
  /** The answer is not what a Kubernetes API server says. */
  | 'ERR_KUBE_PROTOCOL'

/** One reason among several, as in metav1.StatusCause. */
export interface KubeErrorCause {
  /** The member it speaks of, such as `spec.rules[0].hosts`; for apply conflicts, the contested field. */
  readonly field?: string
  readonly reason?: string
  readonly message: string
}

export interface KubeApiErrorDetail {
  /** HTTP status; absent when there was no answer. */
  readonly status?: number
  /** metav1.StatusReason as sent. */
  readonly reason?: string
  readonly causes?: readonly KubeErrorCause[]
  /** What the server asks us to wait. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** The API server refused, failed or was not there. The message is the server's own where it sent one. */
export class KubeApiError extends CodedError<KubeErrorCode> {
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly causes: readonly KubeErrorCause[]
  readonly retryAfterMs: number | undefined

  constructor(code: KubeErrorCode, message: string, detail: KubeApiErrorDetail = {}) {
    super(code, message, detail.cause === undefined ? {} : { cause: detail.cause })
    this.status = detail.status
    this.reason = detail.reason
    this.causes = detail.causes ?? []
    this.retryAfterMs = detail.retryAfterMs
  }
}

/** The kubeconfig, the in-cluster files or a credential plug-in cannot be used. */
export class KubeConfigError extends CodedError<'ERR_KUBE_CONFIG'> {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_KUBE_CONFIG', message, options)
  }
}

/** A name, namespace or key that cannot stand in a request path; never sent. */
export class KubeNameError extends CodedError<'ERR_KUBE_NAME'> {
  constructor(message: string) {
    super('ERR_KUBE_NAME', message)
  }
}

/** Why a reflector gave up one watch and started another; never the end of a reflector. */
export class WatchError extends CodedError<'ERR_KUBE_WATCH_SILENT' | 'ERR_KUBE_WATCH_SHORT'> {}

/** A reflector would hold more objects than its limit. */
export class StoreFullError extends CodedError<'ERR_KUBE_STORE_FULL'> {
  constructor(limit: number) {
    super('ERR_KUBE_STORE_FULL', `store: expected at most ${limit} objects`)
  }
}

/** Another process holds the lease, or ours could not be renewed in time. The holder must stop at once. */
export class LeaseLostError extends CodedError<'ERR_KUBE_LEASE_LOST'> {
  constructor(message: string) {
    super('ERR_KUBE_LEASE_LOST', message)
  }
}

/** A reconcile ran past its limit. */
export class ReconcileTimeoutError extends CodedError<'ERR_KUBE_RECONCILE_TIMEOUT'> {
  constructor(limitMs: number) {
    super('ERR_KUBE_RECONCILE_TIMEOUT', `reconcile: expected an end within ${limitMs} ms`)
  }
}

/** Whether `error` came from the API server with one of `codes`. */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeApiError {
  return error instanceof KubeApiError && codes.includes(error.code)
}
