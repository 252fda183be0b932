import { KubeApiError, type KubeErrorCause, type KubeErrorCode } from '../errors.ts'

/** metav1.StatusReason → our code. https://github.com/kubernetes/apimachinery/blob/v0.36.0/pkg/apis/meta/v1/types.go */
const codeOfReason: Readonly<Record<string, KubeErrorCode>> = {
  AlreadyExists: 'ERR_KUBE_ALREADY_EXISTS',
  BadRequest: 'ERR_KUBE_BAD_REQUEST',
  Conflict: 'ERR_KUBE_CONFLICT',
  Expired: 'ERR_KUBE_GONE',
  Forbidden: 'ERR_KUBE_FORBIDDEN',
  Gone: 'ERR_KUBE_GONE',
  InternalError: 'ERR_KUBE_INTERNAL',
  Invalid: 'ERR_KUBE_INVALID',
  MethodNotAllowed: 'ERR_KUBE_UNSUPPORTED',
  NotAcceptable: 'ERR_KUBE_UNSUPPORTED',
  NotFound: 'ERR_KUBE_NOT_FOUND',
  RequestEntityTooLarge: 'ERR_KUBE_TOO_LARGE',
  ServerTimeout: 'ERR_KUBE_TIMEOUT',
  ServiceUnavailable: 'ERR_KUBE_UNAVAILABLE',
  Timeout: 'ERR_KUBE_TIMEOUT',
  TooManyRequests: 'ERR_KUBE_TOO_MANY_REQUESTS',
  Unauthorized: 'ERR_KUBE_UNAUTHORIZED',
  UnsupportedMediaType: 'ERR_KUBE_UNSUPPORTED',
}

/** For answers without a reason: a proxy in between, or a server that is starting. */
const codeOfStatus: Readonly<Record<number, KubeErrorCode>> = {
  400: 'ERR_KUBE_BAD_REQUEST',
  401: 'ERR_KUBE_UNAUTHORIZED',
  403: 'ERR_KUBE_FORBIDDEN',
  404: 'ERR_KUBE_NOT_FOUND',
  405: 'ERR_KUBE_UNSUPPORTED',
  406: 'ERR_KUBE_UNSUPPORTED',
  409: 'ERR_KUBE_CONFLICT',
  410: 'ERR_KUBE_GONE',
  413: 'ERR_KUBE_TOO_LARGE',
  415: 'ERR_KUBE_UNSUPPORTED',
  422: 'ERR_KUBE_INVALID',
  429: 'ERR_KUBE_TOO_MANY_REQUESTS',
  500: 'ERR_KUBE_INTERNAL',
  502: 'ERR_KUBE_UNAVAILABLE',
  503: 'ERR_KUBE_UNAVAILABLE',
  504: 'ERR_KUBE_TIMEOUT',
}

/** Longer messages of the server are cut. */
const maxMessageChars = 2048
/** Further causes are dropped. */
const maxCauses = 100

/**
 * The error for an answer that is not a success: `body` is a metav1.Status where the API server itself spoke, anything
 * else where something in between did. `retryAfter` is the header's value.
 */
export function statusError(httpStatus: number, body: unknown, retryAfter?: string): KubeApiError {
  const status = recordOf(body)
  const details = recordOf(status['details'])
  const reason = textOf(status['reason'])
  const retryAfterSeconds = details['retryAfterSeconds'] ?? (retryAfter === undefined ? undefined : Number(retryAfter))
  const code = codeOfReason[reason ?? ''] ?? codeOfStatus[httpStatus] ?? fallback(httpStatus)
  const message = textOf(status['message']) ?? `the server answered ${httpStatus} without a reason`
  return new KubeApiError(code, message.slice(0, maxMessageChars), {
    status: httpStatus,
    causes: causesOf(details['causes']),
    ...(reason === undefined ? {} : { reason }),
    ...(typeof retryAfterSeconds === 'number' && retryAfterSeconds >= 0
      ? { retryAfterMs: retryAfterSeconds * 1000 }
      : {}),
  })
}

function fallback(httpStatus: number): KubeErrorCode {
  if (httpStatus >= 500) return 'ERR_KUBE_INTERNAL'
  return httpStatus >= 400 ? 'ERR_KUBE_BAD_REQUEST' : 'ERR_KUBE_PROTOCOL'
}

function causesOf(value: unknown): KubeErrorCause[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, maxCauses).map((entry: unknown) => {
    const cause = recordOf(entry)
    const field = textOf(cause['field'])
    const reason = textOf(cause['reason'])
    return {
      message: (textOf(cause['message']) ?? '').slice(0, maxMessageChars),
      ...(field === undefined ? {} : { field }),
      ...(reason === undefined ? {} : { reason }),
    }
  })
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
