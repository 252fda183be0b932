/** A Pod as raw JSON: only the members that injection reads or writes are named; all others pass through untouched. */
export interface Pod {
  metadata: Metadata
  spec: PodSpec
  [member: string]: unknown
}

export interface Metadata {
  name?: string
  generateName?: string
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  [member: string]: unknown
}

export interface PodSpec {
  containers: Container[]
  initContainers?: Container[]
  volumes?: Volume[]
  serviceAccountName?: string
  securityContext?: {
    runAsUser?: number
    sysctls?: unknown[]
    seccompProfile?: { type?: string }
    appArmorProfile?: { type?: string }
    [member: string]: unknown
  }
  dnsPolicy?: string
  dnsConfig?: { nameservers?: string[]; searches?: string[]; [member: string]: unknown }
  hostAliases?: unknown[]
  resourceClaims?: unknown[]
  hostNetwork?: boolean
  hostPID?: boolean
  hostIPC?: boolean
  shareProcessNamespace?: boolean
  [member: string]: unknown
}

export interface Container {
  name: string
  image?: string
  restartPolicy?: string
  env?: EnvVar[]
  ports?: { containerPort: number; hostPort?: number; protocol?: string; [member: string]: unknown }[]
  volumeMounts?: VolumeMount[]
  securityContext?: SecurityContext
  livenessProbe?: Probe
  readinessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: { postStart?: Handler; preStop?: Handler; [member: string]: unknown }
  volumeDevices?: unknown[]
  envFrom?: { secretRef?: { name: string; [member: string]: unknown }; [member: string]: unknown }[]
  [member: string]: unknown
}

export interface SecurityContext {
  runAsUser?: number
  runAsGroup?: number
  runAsNonRoot?: boolean
  privileged?: boolean
  allowPrivilegeEscalation?: boolean
  readOnlyRootFilesystem?: boolean
  procMount?: string
  capabilities?: { add?: string[]; drop?: string[] }
  seccompProfile?: { type?: string; [member: string]: unknown }
  appArmorProfile?: { type?: string; [member: string]: unknown }
  [member: string]: unknown
}

export interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
  subPath?: string
  [member: string]: unknown
}

export interface EnvVar {
  name: string
  value?: string
  valueFrom?: { secretKeyRef?: { name: string; [member: string]: unknown }; [member: string]: unknown }
}

export interface Volume {
  name: string
  secret?: { secretName?: string; [member: string]: unknown }
  projected?: { sources?: { secret?: { name?: string; [member: string]: unknown }; [source: string]: unknown }[] }
  [kind: string]: unknown
}

/** What the kubelet runs or calls: the members of probes and of lifecycle hooks that matter here. */
export interface Handler {
  httpGet?: { host?: string; port?: number | string; [member: string]: unknown }
  tcpSocket?: { host?: string; port?: number | string }
  [member: string]: unknown
}

export interface Probe extends Handler {
  grpc?: { port?: number }
}

/** Names under this prefix are ours; whatever a user puts there is replaced or refused. */
export const reservedPrefix = 'chaperone-'

export const isReserved = (name: string): boolean => name.startsWith(reservedPrefix)
