import type { IncomingHttpHeaders } from 'node:http'
import type { Refusal } from '../engine/engine.ts'
import { httpRefusal, refusalText, type HttpRefusal } from './http.ts'

/**
 * A refusal as the Kubernetes API says it (meta/v1 `Status`): kubectl, Helm and all that is made of client-go show the message of that and of
 * nothing else. The members of problem details stay, but for `status`, which means something else here.
 */
export function kubernetesRefusal(refusal: Refusal): HttpRefusal {
  const { status, headers, body } = httpRefusal(refusal)
  const problem = JSON.parse(body) as object
  const object = { kind: 'Status', apiVersion: 'v1', metadata: {}, message: refusalText(refusal), code: status }
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json' },
    body: `${JSON.stringify({ ...problem, ...object, status: 'Failure' })}\n`,
  }
}

/** By where it asks, or by what client-go calls itself (rest.DefaultKubernetesUserAgent). */
export function expectsStatus(headers: IncomingHttpHeaders): boolean {
  const authority = headers.host ?? String(headers[':authority'] ?? '')
  return /^kubernetes(\.default(\.svc)?)?(:|$)/.test(authority) || / kubernetes\//.test(headers['user-agent'] ?? '')
}
