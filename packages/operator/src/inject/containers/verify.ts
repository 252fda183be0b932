import { containerNames } from '@chaperone/api'
import type { Container } from '../pod.ts'
import { agentTrustPath, volumeNames, type InjectSettings } from '../settings.ts'
import { restricted } from './restricted.ts'

/** The third init container tries to escape with the agent's privileges; any success stops the pod. */
export function verifyContainer(settings: InjectSettings): Container {
  return {
    name: containerNames.verify,
    image: settings.sidecarImage,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['verify'],
    env: [{ name: 'CHAPERONE_TRUST_DIR', value: agentTrustPath }],
    // One below the proxy's: any uid but the exempt one is in the position of the agent.
    securityContext: restricted(settings.proxyUid - 1),
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [{ name: volumeNames.trust, mountPath: agentTrustPath, readOnly: true }],
  }
}
