import type { ApprovalRequest, ApprovalRequestStatus } from '@chaperone/api'
import { withCondition } from '../conditions.ts'

/** The status that a request should have, and when to look again: pure. */
export function approvalStatus(
  request: ApprovalRequest,
  podExists: boolean,
  nowMs: number,
): { readonly status: ApprovalRequestStatus; readonly requeueAfterMs?: number } {
  const conditions = request.status?.conditions ?? []
  const observedGeneration = request.metadata.generation ?? 0
  const decided = conditions.find((condition) => condition.type === 'Decided')
  const set = (status: 'True' | 'False', reason: string, message: string) => ({
    ...request.status,
    observedGeneration,
    conditions: withCondition(conditions, { type: 'Decided', status, reason, message, observedGeneration }, nowMs),
  })
  const { decision, expiresAt } = request.spec
  if (decision !== undefined)
    return {
      status: set(
        'True',
        decision.verdict,
        `${decision.verdict.toLowerCase()} by ${decision.by ?? 'somebody'}${decision.reason === undefined ? '' : `: ${decision.reason}`}`,
      ),
    }
  if (decided?.status === 'True') return { status: request.status ?? {} }
  const leftMs = Date.parse(expiresAt) - nowMs
  if (leftMs <= 0) return { status: set('True', 'Expired', 'nobody decided in time') }
  if (!podExists) return { status: set('True', 'Cancelled', 'the pod that asked is gone') }
  return { status: set('False', 'Pending', 'waits for a person'), requeueAfterMs: leftMs }
}
