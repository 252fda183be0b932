import { ownPrefix } from '../approvals/approval-path.ts'
import type { Engine } from '../engine/engine.ts'
import { problem, type HttpRefusal } from '../rescue/http.ts'
import { maxApprovalWaitMs } from './limits.ts'
import type { RequestHead } from './request-head.ts'

const approvalName = /^approvals\/([a-z0-9][-a-z0-9.]{0,252})$/
const seconds = /^(\d{1,4})s?$/
const retryAfterSeconds = 15

/** Whether the sidecar is asked something itself. Such a request is never judged and never goes upstream. */
export function isOwn({ http }: RequestHead): boolean {
  return http.path.startsWith(ownPrefix)
}

/** `GET /.well-known/chaperone/approvals/<id>?wait=55s`: how far an approval of this pod is, after at most that long. */
export async function ownAnswer(
  { approvals }: Engine,
  { http }: RequestHead,
  signal: AbortSignal,
): Promise<HttpRefusal> {
  const name = approvalName.exec(http.path.slice(ownPrefix.length))?.[1]
  if (name === undefined)
    return problem(404, 'NotFound', { title: 'Nothing here', detail: 'path: expected approvals/<id>' })
  if (http.method !== 'GET' && http.method !== 'HEAD')
    return problem(405, 'MethodNotAllowed', {
      headers: { allow: 'GET, HEAD' },
      title: 'Method not allowed',
      detail: 'method: expected GET',
    })
  const wait = seconds.exec(new URLSearchParams(http.query).get('wait') ?? '0')?.[1]
  if (wait === undefined)
    return problem(400, 'BadRequest', { title: 'Bad request', detail: 'wait: expected seconds, such as 55s' })
  const state = await approvals.watch(name, Math.min(Number(wait) * 1000, maxApprovalWaitMs), signal)
  if (state === undefined)
    return problem(404, 'NotFound', { title: 'No such approval', detail: 'this pod has no approval of this name' })
  const isPending = state.outcome === 'Pending'
  const { outcome, reason, consumed, expiresAt } = state
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(isPending ? { 'retry-after': String(retryAfterSeconds) } : {}),
    },
    body: `${JSON.stringify({
      id: name,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      consumed,
      expiresAt,
      ...(isPending ? { retryAfter: retryAfterSeconds } : {}),
    })}\n`,
  }
}
