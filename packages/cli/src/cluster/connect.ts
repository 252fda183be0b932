import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { approvalRequest, agentSession, group, version, type AgentSession, type ApprovalRequest } from '@chaperone/api'
import { createKubeClient, type KubeClient, type Resource } from '@chaperone/kube'
import type { Context } from '../context.ts'
import { UsageError } from '../errors.ts'

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

/** Where a pod finds who it is. */
const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token'

/** Whether anything says which cluster is meant. On a laptop without one there are only its own runs. */
export function namesCluster({ settings }: Context, options: ClusterOptions): boolean {
  const { KUBECONFIG = '', HOME = '' } = settings.environment
  return (
    [options.kubeconfig, options.context, options.namespace].some((flag) => flag !== undefined) ||
    KUBECONFIG !== '' ||
    [join(HOME, '.kube/config'), serviceAccountToken].some((file) => existsSync(file))
  )
}

export function connect(context: Context, options: ClusterOptions): { client: KubeClient; namespace: string } {
  if (!namesCluster(context, options))
    throw new UsageError('kubeconfig: expected --kubeconfig, KUBECONFIG or ~/.kube/config to name a cluster')
  const client = createKubeClient(
    {
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      ...(options.context === undefined ? {} : { context: options.context }),
    },
    { clock: context.clock },
  )
  return { client, namespace: options.namespace ?? client.namespace }
}
