import type { Clock, Random } from '@chaperone/core'
import type { EventRecorder, KubeClient } from '@chaperone/kube'
import type { Logger } from 'pino'
import type { LiveCertificates } from './certs/live-certificates.ts'
import type { ClusterView } from './cluster-view.ts'
import type { Config } from './config.ts'
import type { Metrics } from './metrics.ts'

export interface OperatorPorts {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** What the parts of one replica share. */
export interface Parts extends OperatorPorts {
  readonly client: KubeClient
  readonly view: ClusterView
  readonly metrics: Metrics
  readonly certificates: LiveCertificates
  readonly events: EventRecorder
}

/** DNS name of the Service that fronts webhooks and control API. */
export const serviceHost = ({ service, namespace }: Config): string => `${service}.${namespace}.svc`
