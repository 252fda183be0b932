import { containerNames } from '@chaperone/api'
import { podRules } from '@chaperone/guard'
import type { Container } from '../pod.ts'
import type { InjectSettings } from '../settings.ts'
import { restricted } from './restricted.ts'

/**
 * The first init container. Its whole program is nft, which carries the file capability, so that it runs without root,
 * without a shell and without Node; a rule set that does not apply stops the pod.
 */
export function guardContainer(settings: InjectSettings, inboundPorts: readonly number[]): Container {
  return {
    name: containerNames.guard,
    image: settings.sidecarImage,
    imagePullPolicy: settings.imagePullPolicy,
    command: ['/usr/sbin/nft', podRules({ proxyUid: settings.proxyUid, inboundPorts })],
    securityContext: { ...restricted(settings.proxyUid), capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] } },
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}
