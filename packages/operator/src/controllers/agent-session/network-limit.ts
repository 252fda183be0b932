import type { AgentSession } from '@chaperone/api'
import { errorText } from '@chaperone/core'
import { createApplier, keyOf, type KubeClient, type Store } from '@chaperone/kube'
import type { Pod } from '../../inject/pod.ts'
import { networkPolicies, type NetworkPolicy } from '../../resources.ts'
import { isSame } from '../conditions.ts'
import { desiredNetworkPolicy } from './network-policy.ts'

/** Brings a session's NetworkPolicy to what it should be. Gives what stands in the way: that belongs into the status, not before it. */
export type NetworkLimit = (session: AgentSession, pods: readonly Pod[]) => Promise<string | undefined>

export function createNetworkLimit(ports: {
  readonly client: KubeClient
  readonly networkPolicies: Store<NetworkPolicy>
}): NetworkLimit {
  const applier = createApplier(ports.client, 'chaperone-network')
  return async (session, pods) => {
    const desired = desiredNetworkPolicy(session, pods)
    const present = ports.networkPolicies.get(keyOf(desired))
    if (present !== undefined && isSame(ownPart(desired), ownPart(present))) return undefined
    try {
      await applier.apply(networkPolicies, desired)
      return undefined
    } catch (error) {
      return errorText(error)
    }
  }
}

const ownPart = ({ spec, metadata: { ownerReferences } }: NetworkPolicy): object => ({ spec, ownerReferences })
