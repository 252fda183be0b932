import { describe, expect, test } from '@jest/globals'
import type { ApprovalRequest, ApprovalRequestStatus } from '@chaperone/api'
import { approvalStatus } from './status.ts'

const nowMs = Date.parse('2026-01-01T12:00:00Z')
const request = (spec: object = {}, status?: ApprovalRequestStatus): ApprovalRequest =>
  ({
    metadata: { name: 'r', generation: 2 },
    spec: { podRef: { uid: 'pod-1' }, expiresAt: new Date(nowMs + 60_000).toISOString(), ...spec },
    ...(status === undefined ? {} : { status }),
  }) as unknown as ApprovalRequest
const decided = ({ status }: ReturnType<typeof approvalStatus>) => {
  const condition = status.conditions?.find((each) => each.type === 'Decided')
  return [condition?.status, condition?.reason, condition?.message]
}

describe('an approval request', () => {
  test('waits for a person, and is looked at again when it expires', () => {
    const result = approvalStatus(request(), true, nowMs)
    expect(decided(result)).toEqual(['False', 'Pending', 'waits for a person'])
    expect(result.requeueAfterMs).toBe(60_000)
  })

  test('expires, which is never taken for a refusal by a person', () => {
    const result = approvalStatus(request(), true, nowMs + 60_000)
    expect(decided(result)).toEqual(['True', 'Expired', 'nobody decided in time'])
    expect(result.requeueAfterMs).toBeUndefined()
  })

  test('is cancelled when the pod that asked is gone', () => {
    expect(decided(approvalStatus(request(), false, nowMs))).toEqual([
      'True',
      'Cancelled',
      'the pod that asked is gone',
    ])
  })

  test.each([
    [{ verdict: 'Approved', by: 'bob', reason: 'fine' }, ['True', 'Approved', 'approved by bob: fine']],
    [{ verdict: 'Denied', by: 'bob' }, ['True', 'Denied', 'denied by bob']],
  ])('says who decided what, also after its time and its pod: %j', (decision, expected) => {
    expect(decided(approvalStatus(request({ decision }), false, nowMs + 3_600_000))).toEqual(expected)
  })

  test('that is over stays as it is, whatever happens later', () => {
    const expired = approvalStatus(request(), true, nowMs + 60_000).status
    expect(approvalStatus(request({}, expired), false, nowMs + 90_000).status).toEqual(expired)
  })

  test('keeps what others wrote into its status', () => {
    const consumed = {
      type: 'Consumed',
      status: 'True',
      reason: 'Forwarded',
      message: '',
      lastTransitionTime: '',
    } as const
    const status = { conditions: [consumed] }
    expect(
      approvalStatus(request({ decision: { verdict: 'Approved' } }, status), true, nowMs).status.conditions,
    ).toContainEqual(consumed)
  })
})
