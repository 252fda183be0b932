import type { ApprovalRequest, Condition } from '@chaperone/api'
import type { Clock } from '@chaperone/core'
import { isKubeError, type KubeClient } from '@chaperone/kube'
import { withCondition } from '../controllers/conditions.ts'
import { approvalRequests } from '../resources.ts'
import type { ApprovalStore } from './approvals.ts'

/** ApprovalRequests in the API server; every transition carries the version that was read. */
export function createKubeApprovalStore(client: KubeClient, clock: Clock): ApprovalStore {
  const get = async (namespace: string, name: string): Promise<ApprovalRequest | undefined> => {
    try {
      return await client.get(approvalRequests, { namespace, name })
    } catch (error) {
      if (isKubeError(error, 'ERR_KUBE_NOT_FOUND')) return undefined
      throw error
    }
  }
  return {
    get,
    async createOrGet(request) {
      try {
        return await client.create(approvalRequests, request)
      } catch (error) {
        const namespace = request.metadata.namespace ?? ''
        const present = isKubeError(error, 'ERR_KUBE_ALREADY_EXISTS')
          ? await get(namespace, request.metadata.name)
          : undefined
        if (present === undefined) throw error
        return present
      }
    },
    async setCondition(request, condition) {
      const full: Omit<Condition, 'lastTransitionTime'> = {
        ...condition,
        status: 'True',
        observedGeneration: request.metadata.generation ?? 0,
      }
      try {
        await client.update(
          approvalRequests,
          {
            ...request,
            status: {
              ...request.status,
              conditions: withCondition(request.status?.conditions ?? [], full, clock.now()),
            },
          },
          { subresource: 'status' },
        )
        return true
      } catch (error) {
        if (isKubeError(error, 'ERR_KUBE_CONFLICT')) return false
        throw error
      }
    },
  }
}
