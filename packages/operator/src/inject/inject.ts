import { annotations, containerNames, labels } from '@chaperone/api'
import { agentContainer, inboundPorts, isTokenVolume } from './agent-container.ts'
import { guardContainer } from './containers/guard.ts'
import { sidecarContainer } from './containers/sidecar.ts'
import { verifyContainer } from './containers/verify.ts'
import { isReserved, type Pod } from './pod.ts'
import type { InjectSettings } from './settings.ts'
import { ourVolumes } from './volumes.ts'

/**
 * The pod with guard, sidecar and verify as its first init containers. Pure, on raw JSON, strip-then-add: injecting
 * twice gives what injecting once gives. Call `refusals` first; this never judges.
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
      labels: { ...pod.metadata.labels, [labels.session]: settings.session.name, [labels.injected]: 'true' },
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
        guardContainer(
          settings,
          inboundPorts([...containers, ...initContainers.filter((container) => container.restartPolicy === 'Always')]),
        ),
        sidecarContainer(settings),
        verifyContainer(settings),
        ...initContainers,
      ],
      containers,
      volumes: [...volumes, ...ourVolumes(settings)],
    },
  }
}

/** True for a pod whose first init containers are ours, in order. */
export function isInjected(pod: Pod): boolean {
  const [guard, sidecar, verify] = pod.spec.initContainers ?? []
  return (
    guard?.name === containerNames.guard &&
    sidecar?.name === containerNames.sidecar &&
    verify?.name === containerNames.verify
  )
}
