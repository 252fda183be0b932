import type { Interception } from '@chaperone/api'
import { isReserved, type Pod, type PodSpec } from '../pod.ts'
import { containerRefusals } from './container-refusals.ts'
import { proxyRefusals } from './proxy-refusals.ts'
import { rivalRefusals } from './rival-refusals.ts'
import { volumeRefusals } from './volume-refusals.ts'

/**
 * What keeps a pod from being contained, each naming its field. A pod with any of these is refused, never skipped: the
 * chart's ValidatingAdmissionPolicies (templates/_hazards.tpl) say the same when this webhook is away.
 * `credentialSecrets`: Secrets that only the sidecar may read.
 */
export function refusals(
  pod: Pod,
  credentialSecrets: readonly string[] = [],
  interception: Interception = 'Transparent',
): string[] {
  const { spec } = pod
  const containers = [
    ...spec.containers.map((container, index) => ({ container, field: `spec.containers[${index}]` })),
    ...(spec.initContainers ?? []).map((container, index) => ({ container, field: `spec.initContainers[${index}]` })),
  ]
  const reserved = spec.containers.flatMap(({ name }, index) =>
    isReserved(name) ? [`spec.containers[${index}].name: the prefix of "${name}" is reserved`] : [],
  )
  return [
    ...rivalRefusals(containers),
    ...specRefusals(spec),
    ...volumeRefusals(spec.volumes ?? [], credentialSecrets),
    ...reserved,
    ...containers
      // Init containers with reserved names are replaced by ours.
      .filter(({ container }) => !isReserved(container.name))
      .flatMap(({ container, field }) => [
        ...containerRefusals(container, field, credentialSecrets),
        ...(interception === 'Proxy' ? proxyRefusals(container, field) : []),
      ]),
  ]
}

function specRefusals(spec: PodSpec): string[] {
  const { securityContext = {} } = spec
  const checks: readonly (readonly [boolean, string])[] = [
    [spec.hostNetwork === true, 'spec.hostNetwork: must not be true: the network of the node cannot be contained'],
    [spec.hostPID === true, 'spec.hostPID: must not be true'],
    [spec.hostIPC === true, 'spec.hostIPC: must not be true'],
    [
      spec.shareProcessNamespace === true,
      'spec.shareProcessNamespace: must not be true: the agent could reach into the sidecar',
    ],
    [(securityContext.sysctls ?? []).length > 0, 'spec.securityContext.sysctls: must be empty'],
    [
      securityContext.seccompProfile?.type === 'Unconfined',
      'spec.securityContext.seccompProfile.type: must not be Unconfined',
    ],
    [
      securityContext.appArmorProfile?.type === 'Unconfined',
      'spec.securityContext.appArmorProfile.type: must not be Unconfined',
    ],
    [spec.dnsPolicy === 'None', 'spec.dnsPolicy: must not be None: the sidecar resolves by the servers of the cluster'],
    [
      (spec.dnsConfig?.nameservers ?? []).length > 0,
      'spec.dnsConfig.nameservers: must be empty: the sidecar resolves by the servers of the cluster',
    ],
    [
      (spec.dnsConfig?.searches ?? []).length > 0,
      'spec.dnsConfig.searches: must be empty: the cluster says below which suffixes a name of a rule is found',
    ],
    [(spec.hostAliases ?? []).length > 0, 'spec.hostAliases: must be empty: a name is what the sidecar resolves it to'],
    [(spec.resourceClaims ?? []).length > 0, 'spec.resourceClaims: must be empty: claimed devices cannot be contained'],
  ]
  return checks.flatMap(([fails, problem]) => (fails ? [problem] : []))
}
