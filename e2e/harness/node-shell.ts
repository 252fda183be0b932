import { image, type Kubectl } from './cluster.ts'

/** A hand on the node itself, for what no API offers. */
export interface NodeShell {
  /** Ends every process of a container, without warning. */
  kill(namespace: string, pod: string, container: string): Promise<void>
  /** From outside of every agent: shows that what records strays does so. */
  run(script: string): Promise<string>
}

/** A privileged pod in the node's pid namespace: it works on any cluster whose node runs one of these images. */
export async function createNodeShell(kubectl: Kubectl, namespace: string): Promise<NodeShell> {
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'node-shell', namespace },
      spec: {
        hostPID: true,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: image('chaperone-e2e-agent'),
            imagePullPolicy: 'IfNotPresent',
            command: ['sleep', '100000'],
            securityContext: { privileged: true, runAsUser: 0 },
          },
        ],
      },
    },
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/node-shell', '--timeout=60s')
  const run = (script: string) => kubectl('exec', '-n', namespace, 'node-shell', '--', 'bash', '-c', script)
  return {
    run,
    async kill(target, pod, container) {
      const { status } = JSON.parse(await kubectl('get', 'pod', '-n', target, pod, '-o', 'json')) as {
        status: { initContainerStatuses?: ContainerStatus[]; containerStatuses: ContainerStatus[] }
      }
      const all = [...(status.initContainerStatuses ?? []), ...status.containerStatuses]
      // containerd://ID
      const id = new URL(all.find((each) => each.name === container)!.containerID).host
      // A process may end while we look.
      await run(`kill -9 $(grep -ls ${id} /proc/[0-9]*/cgroup | cut -d/ -f3)`)
    },
  }
}

interface ContainerStatus {
  readonly name: string
  readonly containerID: string
}
