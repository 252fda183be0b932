import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { systemClock } from '@chaperone/core'
import { createKubeClient, type KubeClient, type KubeObject, type Resource } from '@chaperone/kube'

const script = join(import.meta.dirname, '../../e2e/cluster/cluster.sh')

export interface Pod extends KubeObject {
  readonly spec: {
    readonly containers: readonly object[]
    readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[]
    readonly [member: string]: unknown
  }
  readonly status?: PodStatus
}

export interface PodStatus {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  readonly initContainerStatuses?: readonly ContainerStatus[]
}

export interface ContainerStatus {
  readonly name: string
  readonly started?: boolean
  readonly state: { readonly running?: object; readonly terminated?: { readonly exitCode: number } }
}

export const pods: Resource<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }

export interface Cluster {
  readonly client: KubeClient
  /** Runs kubectl as the administrator; it must succeed. */
  kubectl(args: readonly string[], input?: string): string
}

/** The e2e cluster of this machine, whose processes are in reach as well. */
export function connectCluster(): Cluster {
  try {
    execFileSync(script, ['status'], { stdio: 'ignore' })
  } catch {
    throw new Error('the cluster is not up: make e2e-up starts it, with Chaperone installed')
  }
  const kubeconfig = /KUBECONFIG=(\S+)/.exec(execFileSync(script, ['env']).toString())?.[1] ?? ''
  return {
    client: createKubeClient({ kubeconfig }, { clock: systemClock }),
    kubectl: (args, input = '') => execFileSync('kubectl', ['--kubeconfig', kubeconfig, ...args], { input }).toString(),
  }
}
