import { annotations, containerNames, labels } from '@chaperone/api'
import { agentContainer, isTokenVolume } from './agent-container.ts'
import { sidecarContainer } from './containers/sidecar.ts'
import { verifyContainer } from './containers/verify.ts'
import { inboundPorts } from './inbound-ports.ts'
import { isReserved, type Pod } from './pod.ts'
import type { InjectSettings } from './settings.ts'
import { ourVolumes } from './volumes.ts'

/**
 * The pod with sidecar and verify as its first init containers. Pure, on raw JSON, strip-then-add: injecting twice gives what
 * injecting once gives. Call `refusals` first; this never judges.
 */
export function inject(pod: Pod, settings: InjectSettings): Pod {
  const containers = pod.spec.containers.map((container) => agentContainer(container, settings))
  const initContainers = (pod.spec.initContainers ?? [])
    .filter((container) => !isReserved(container.name))
    .map((container) => agentContainer(container, settings))
  const volumes = (pod.spec.volumes ?? []).filter((volume) => !isReserved(volume.name) && !isTokenVolume(volume.name))
  const [first] = containers
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...withoutInterception(pod.metadata.labels),
        [labels.session]: settings.session.name,
        [labels.injected]: 'true',
        ...(settings.interception === 'Proxy' ? { [labels.interception]: 'Proxy' } : {}),
      },
      annotations: {
        // kubectl exec and logs would otherwise land in the sidecar.
        ...(first === undefined ? {} : { 'kubectl.kubernetes.io/default-container': first.name }),
        ...pod.metadata.annotations,
        [annotations.sessionUid]: settings.session.uid,
        [annotations.policyHash]: settings.session.policyHash,
        [annotations.proxyUid]: String(settings.proxyUid),
      },
    },
    spec: {
      ...pod.spec,
      automountServiceAccountToken: false,
      initContainers: [
        sidecarContainer(settings),
        verifyContainer(settings, inboundPorts(pod.spec)),
        ...initContainers,
      ],
      containers,
      volumes: [...volumes, ...ourVolumes(settings)],
    },
  }
}

/** No pod chooses for itself. */
function withoutInterception(given: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => name !== labels.interception))
}

/** True for a pod whose first init containers are ours, in order. */
export function isInjected(pod: Pod): boolean {
  const { sidecar, verify } = containerNames
  const names = (pod.spec.initContainers ?? []).map(({ name }) => name)
  return [sidecar, verify].every((name, index) => names[index] === name)
}
