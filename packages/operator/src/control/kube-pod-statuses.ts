import { apiVersion, type AgentSession } from '@chaperone/api'
import { createApplier } from '@chaperone/kube'
import type { Parts } from '../parts.ts'
import { agentSessions } from '../resources.ts'
import type { PodStatuses } from './heartbeats.ts'

/** `status.pods` in the API server: each replica applies, and owns, the entries of the pods that report to it. */
export function createKubePodStatuses({
  client,
  config,
  view,
}: Pick<Parts, 'client' | 'config' | 'view'>): PodStatuses {
  const applier = createApplier(client, `chaperone-control-${config.podName}`)
  return {
    written: (namespace, session, podUid) =>
      view.index.session(namespace, session)?.status?.pods?.find((pod) => pod.uid === podUid),
    async apply(namespace, session, pods) {
      const desired = { apiVersion, kind: 'AgentSession', metadata: { namespace, name: session }, status: { pods } }
      await applier.applyStatus<AgentSession>(agentSessions, desired)
    },
  }
}
