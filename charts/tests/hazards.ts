import type { HostilePod } from './injected-pod.ts'

/** What nobody may put into the pod of an agent, or into a template of one: what it is, what the refusal names, how it is done. */
export type Hazard = readonly [title: string, field: string, change: (pod: HostilePod) => void]

const inMain =
  (members: object): Hazard[2] =>
  ({ spec }) =>
    Object.assign(spec.containers[0]!, members)
const inMainContext =
  (members: object): Hazard[2] =>
  ({ spec }) =>
    Object.assign(spec.containers[0]!.securityContext, members)
const inSpec =
  (members: object): Hazard[2] =>
  ({ spec }) =>
    Object.assign(spec, members)
const volume =
  (source: object): Hazard[2] =>
  ({ spec }) =>
    spec.volumes.push({ name: 'extra', ...source })
const elsewhere = { httpGet: { host: '203.0.113.9', port: 80, path: '/?secret' } }

export const hazards: readonly Hazard[] = [
  ['the network of the node', 'spec.hostNetwork', inSpec({ hostNetwork: true })],
  ['the processes of the node', 'spec.hostPID', inSpec({ hostPID: true })],
  ['the memory of the node', 'spec.hostIPC', inSpec({ hostIPC: true })],
  ['shared processes', 'spec.shareProcessNamespace', inSpec({ shareProcessNamespace: true })],
  [
    'sysctls',
    'spec.securityContext.sysctls',
    inSpec({ securityContext: { sysctls: [{ name: 'net.ipv4.ping_group_range', value: '0 1' }] } }),
  ],
  [
    'no seccomp for the pod',
    'securityContext.seccompProfile.type',
    inSpec({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
  ],
  [
    'no seccomp for a container',
    'securityContext.seccompProfile.type',
    inMainContext({ seccompProfile: { type: 'Unconfined' } }),
  ],
  [
    'no AppArmor for the pod',
    'securityContext.appArmorProfile.type',
    inSpec({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
  ],
  [
    'no AppArmor for a container',
    'securityContext.appArmorProfile.type',
    inMainContext({ appArmorProfile: { type: 'Unconfined' } }),
  ],
  [
    'no resolver but its own',
    'spec.dnsPolicy',
    inSpec({ dnsPolicy: 'None', dnsConfig: { nameservers: ['203.0.113.9'] } }),
  ],
  ['one more resolver', 'spec.dnsConfig.nameservers', inSpec({ dnsConfig: { nameservers: ['203.0.113.9'] } })],
  [
    'its own suffixes for names',
    'spec.dnsConfig.searches',
    inSpec({ dnsConfig: { searches: ['svc.attacker.example'] } }),
  ],
  [
    'its own addresses for names',
    'spec.hostAliases',
    inSpec({ hostAliases: [{ ip: '203.0.113.9', hostnames: ['api.example'] }] }),
  ],
  ['a claimed device', 'spec.resourceClaims', inSpec({ resourceClaims: [{ name: 'nic', resourceClaimName: 'nic' }] })],
  ['a path of the node', 'spec.volumes', volume({ hostPath: { path: '/' } })],
  ['a network volume', 'spec.volumes', volume({ nfs: { server: '203.0.113.9', path: '/' } })],
  ['a volume of any driver', 'spec.volumes', volume({ csi: { driver: 'nfs.csi.example' } })],
  ['a cloned repository', 'spec.volumes', volume({ gitRepo: { repository: 'https://203.0.113.9/x' } })],
  [
    'a token of its own',
    'spec.volumes[*].projected.sources',
    volume({ projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
  ],
  [
    'a token for the operator',
    'spec.volumes[*].projected.sources',
    volume({ projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'chaperone' } }] } }),
  ],
  [
    'a privileged container',
    'securityContext',
    ({ spec }) => {
      // The API server itself refuses one that is privileged and may not gain privileges.
      const context = spec.containers[0]!.securityContext
      delete context['allowPrivilegeEscalation']
      context['privileged'] = true
    },
  ],
  [
    'a container that may gain privileges',
    'securityContext.allowPrivilegeEscalation',
    inMainContext({ allowPrivilegeEscalation: true }),
  ],
  [
    'a container with a capability',
    'securityContext.capabilities.add',
    inMainContext({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }),
  ],
  [
    'an init container with a capability',
    'securityContext.capabilities.add',
    ({ spec }) =>
      spec.initContainers.push({
        name: 'late',
        image: 'agent',
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
        volumeMounts: [],
        env: [],
      }),
  ],
  [
    'a bare proc',
    'securityContext.procMount',
    ({ spec }) => {
      spec['hostUsers'] = false
      spec.containers[0]!.securityContext['procMount'] = 'Unmasked'
    },
  ],
  [
    'a block device',
    'volumeDevices',
    ({ spec }) => {
      spec.volumes.push({ name: 'disk', persistentVolumeClaim: { claimName: 'disk' } })
      Object.assign(spec.containers[0]!, { volumeDevices: [{ name: 'disk', devicePath: '/dev/x' }] })
    },
  ],
  ['a port of the node', 'ports[*].hostPort', inMain({ ports: [{ containerPort: 8080, hostPort: 80 }] })],
  ['a liveness probe of another host', 'livenessProbe', inMain({ livenessProbe: elsewhere })],
  ['a readiness probe of another host', 'readinessProbe', inMain({ readinessProbe: elsewhere })],
  ['a startup probe of another host', 'startupProbe', inMain({ startupProbe: elsewhere })],
  [
    'a TCP probe of another host',
    'tcpSocket.host',
    inMain({ livenessProbe: { tcpSocket: { host: '203.0.113.9', port: 80 } } }),
  ],
  [
    'a hook that calls another host after the start',
    'lifecycle.postStart',
    inMain({ lifecycle: { postStart: elsewhere } }),
  ],
  ['a hook that calls another host before the end', 'lifecycle.preStop', inMain({ lifecycle: { preStop: elsewhere } })],
]

const inEnv =
  (name: string, value: string): Hazard[2] =>
  ({ spec }) =>
    spec.containers[0]!.env.push({ name, value })

/** More where clients are told of the sidecar by variables. */
export const proxyHazards: readonly Hazard[] = [
  ['a proxy of its own', 'to no other proxy', inEnv('HTTPS_PROXY', 'http://203.0.113.9:3128')],
  ['hosts that need no proxy', 'to no other proxy', inEnv('no_proxy', '.example')],
  ['a Node that reads no variables', 'to no other proxy', inEnv('NODE_USE_ENV_PROXY', '0')],
  [
    'a proxy of its own in Java',
    'to no other proxy',
    inEnv('JAVA_TOOL_OPTIONS', '-Dhttps.proxyHost=203.0.113.9 -Dhttps.proxyPort=3128'),
  ],
]
