import type { Command } from 'commander'
import { approvalRequest, agentSession, group, version, type AgentSession, type ApprovalRequest } from '@chaperone/api'
import { createKubeClient, type KubeClient, type Resource } from '@chaperone/kube'
import type { Context } from '../context.ts'

export interface ClusterOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
}

export const approvalRequests: Resource<ApprovalRequest> = {
  group,
  version,
  plural: approvalRequest.plural,
  kind: approvalRequest.kind,
  namespaced: true,
}
export const agentSessions: Resource<AgentSession> = {
  group,
  version,
  plural: agentSession.plural,
  kind: agentSession.kind,
  namespaced: true,
}

/** The flags of kubectl that say where. */
export function clusterFlags(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', 'namespace; default: that of the context')
    .option('--kubeconfig <file>', 'kubeconfig file')
    .option('--context <name>', 'context of the kubeconfig')
}

export function connect({ clock }: Context, options: ClusterOptions): { client: KubeClient; namespace: string } {
  const client = createKubeClient(
    {
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      ...(options.context === undefined ? {} : { context: options.context }),
    },
    { clock },
  )
  return { client, namespace: options.namespace ?? client.namespace }
}
