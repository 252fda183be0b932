import type { ApprovalRequest } from '@chaperone/api'
import type { AdmissionOutcome, AdmissionRequest } from './review.ts'

/**
 * UPDATE of an ApprovalRequest: when a decision appears, stamps who made it and when, whatever the sender wrote there.
 * The chart's ValidatingAdmissionPolicy checks the stamp against the caller and decides who may decide at all.
 */
export function stampDecision(request: AdmissionRequest, now: Date): AdmissionOutcome {
  const object = request.object as unknown as ApprovalRequest
  const old = request.oldObject as unknown as ApprovalRequest | null
  const decision = object.spec.decision
  if (decision === undefined || old?.spec.decision !== undefined) return { kind: 'allow' }
  if (Date.parse(object.spec.expiresAt) <= now.getTime())
    return { kind: 'deny', message: `chaperone: spec.expiresAt: this request expired at ${object.spec.expiresAt}` }
  const { username, groups = [] } = request.userInfo
  return {
    kind: 'mutate',
    object: {
      ...object,
      spec: {
        ...object.spec,
        decision: { ...decision, by: username, groups: groups.slice(0, 64), at: now.toISOString() },
      },
    },
  }
}
