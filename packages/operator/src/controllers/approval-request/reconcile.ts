import type { Clock } from '@chaperone/core'
import {
  isKubeError,
  type EventRecorder,
  type KubeClient,
  type KubeObject,
  type Reconcile,
  type Store,
} from '@chaperone/kube'
import type { ApprovalRequest } from '@chaperone/api'
import type { Pod } from '../../inject/pod.ts'
import { approvalRequests } from '../../resources.ts'
import { isSame } from '../conditions.ts'
import { approvalStatus } from './status.ts'

export interface ApprovalReconcilePorts {
  readonly client: KubeClient
  readonly clock: Clock
  readonly events: EventRecorder
  readonly approvals: Store<ApprovalRequest>
  readonly pods: Store<Pod & KubeObject>
}

/** Writes what became of a request into its status; level-triggered and idempotent. */
export function createApprovalReconcile({ client, clock, events, approvals, pods }: ApprovalReconcilePorts): Reconcile {
  return async (key) => {
    const request = approvals.get(key)
    if (request === undefined) return {}
    const { namespace = '' } = request.metadata
    const pod = pods.get(`${namespace}/${request.spec.podRef.name}`)
    const { status, requeueAfterMs } = approvalStatus(
      request,
      pod?.metadata['uid'] === request.spec.podRef.uid,
      clock.now(),
    )
    if (!isSame(status, request.status)) {
      try {
        await client.update(approvalRequests, { ...request, status }, { subresource: 'status' })
      } catch (error) {
        // Somebody was faster; the change that they made brings us back here.
        if (isKubeError(error, 'ERR_KUBE_CONFLICT', 'ERR_KUBE_NOT_FOUND')) return { requeueAfterMs: 1000 }
        throw error
      }
      const decided = status.conditions?.find((condition) => condition.type === 'Decided')
      if (decided !== undefined)
        events.record({
          regarding: request,
          type: 'Normal',
          reason: decided.reason,
          action: 'Decide',
          note: decided.message,
        })
    }
    return requeueAfterMs === undefined ? {} : { requeueAfterMs }
  }
}

/** The key of the session that a request belongs to. */
export function sessionKeyOf(request: ApprovalRequest): string {
  return `${request.metadata.namespace ?? ''}/${request.spec.sessionRef.name}`
}
