import type { Interception } from '@chaperone/api'
import { sha256Hex } from '@chaperone/core'

/** What is the same for every pod of the installation. */
export interface InstallationSettings {
  readonly sidecarImage: string
  readonly imagePullPolicy: string
  /** `https://chaperone-control.chaperone-system.svc:8443`. */
  readonly controlUrl: string
  /** PEM that the control server's certificate chains to. */
  readonly controlCa: string
  /** OTLP/HTTP endpoint, `http://collector.chaperone-system.svc:4318/v1/logs`. */
  readonly collectorUrl: string
  readonly logLevel: string
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> }
  /** Bytes that the audit log may hold on disk. */
  readonly auditMaxBytes: number
  /** How often each pod is tested anew for ways out. */
  readonly verifyPeriodSeconds: number
}

/** What the webhook knows besides the pod: the same settings give the same pod. */
export interface InjectSettings extends InstallationSettings {
  /** As the label of the namespace says. */
  readonly interception: Interception
  /** The only uid whose traffic may leave the pod; drawn at random for each pod. */
  readonly proxyUid: number
  readonly session: { readonly name: string; readonly uid: string; readonly policyHash: string }
  /** Secrets that rules of the session cite; mounted into the sidecar only. */
  readonly credentialSecrets: readonly string[]
  /** A rule presents the token of the pod's service account: it is mounted into the sidecar, and a placeholder into the agent. */
  readonly serviceAccountToken: boolean
}

/** Where things are inside the sidecar; agents mount only `trust`, read-only. */
export const paths = {
  private: '/var/run/chaperone/private',
  trust: '/var/run/chaperone/trust',
  audit: '/var/lib/chaperone/audit',
  token: '/var/run/chaperone/token',
  credentials: '/var/run/chaperone/credentials',
  verify: '/var/run/chaperone/verify',
} as const

/** Where agents see the trust bundle. */
export const agentTrustPath = '/etc/chaperone/trust'

export const volumeNames = {
  private: 'chaperone-private',
  trust: 'chaperone-trust',
  audit: 'chaperone-audit',
  token: 'chaperone-token',
  verify: 'chaperone-verify',
  serviceAccount: 'chaperone-service-account',
} as const

const maxReadable = 36

/** Readable as far as names of volumes allow (RFC 1123 labels of 63 characters), and another for each Secret. */
export const credentialVolume = (secret: string): string =>
  `chaperone-secret-${secret.slice(0, maxReadable).replaceAll('.', '-')}-${sha256Hex(secret).slice(0, 8)}`
