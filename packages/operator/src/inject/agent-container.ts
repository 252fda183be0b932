import { isReserved, type Container } from './pod.ts'
import { agentTrustPath, volumeNames } from './settings.ts'
import { withTrustEnv } from './trust-env.ts'

/** Volumes that the service account admission plug-in adds; an agent gets no usable Kubernetes token. */
export const isTokenVolume = (name: string): boolean => name.startsWith('kube-api-access-')

/** A container of the agent: no privilege to reach around the sidecar with, and trust in our certificates. */
export function agentContainer(container: Container): Container {
  const mounts = (container.volumeMounts ?? []).filter((mount) => !isReserved(mount.name) && !isTokenVolume(mount.name))
  return {
    ...container,
    env: withTrustEnv(container),
    volumeMounts: [...mounts, { name: volumeNames.trust, mountPath: agentTrustPath, readOnly: true }],
    securityContext: {
      ...container.securityContext,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: container.securityContext?.seccompProfile ?? { type: 'RuntimeDefault' },
    },
  }
}

/** Ports that peers may connect to: declared TCP ports and what probes name. */
export function inboundPorts(containers: readonly Container[]): number[] {
  return containers.flatMap((container) => {
    const declared = (container.ports ?? [])
      .filter((port) => (port.protocol ?? 'TCP') === 'TCP')
      .map((port) => port.containerPort)
    const probes = [container.livenessProbe, container.readinessProbe, container.startupProbe].flatMap((probe) => [
      probe?.httpGet?.port,
      probe?.tcpSocket?.port,
      probe?.grpc?.port,
    ])
    return [...declared, ...probes.filter((port) => typeof port === 'number')]
  })
}
