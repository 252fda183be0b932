import type { Interception } from '@chaperone/api'
import { inject, type Pod } from '@chaperone/operator/inject'
import { release } from './rendered-chart.ts'

/** An ordinary pod as the webhook injects it; `change` may break it afterwards, as somebody could while the webhook is away. */
export function injectedPod(
  name: string,
  change: (pod: HostilePod) => void = () => undefined,
  interception: Interception = 'Transparent',
): object {
  const pod: Pod = inject(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: 'devin' } },
      spec: {
        initContainers: [{ name: 'setup', image: 'agent' }],
        containers: [{ name: 'main', image: 'agent', ports: [{ containerPort: 8080 }] }],
        volumes: [{ name: 'work', emptyDir: {} }],
      },
    },
    {
      sidecarImage: release.image,
      imagePullPolicy: 'IfNotPresent',
      controlUrl: `https://chaperone-control.${release.namespace}.svc:8443`,
      controlCa: 'PEM',
      collectorUrl: `http://chaperone-collector.${release.namespace}.svc:4318/v1/logs`,
      logLevel: 'info',
      resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      auditMaxBytes: 268_435_456,
      verifyPeriodSeconds: 300,
      interception,
      proxyUid: 424_242,
      session: { name: 'devin', uid: 'u-1', policyHash: 'h' },
      credentialSecrets: ['orders-db'],
      serviceAccountToken: true,
    },
  )
  // Not structuredClone: what containers share would be changed in all of them.
  const copy = JSON.parse(JSON.stringify(pod)) as HostilePod
  change(copy)
  return copy
}

/** A pod whose every member may be written. */
export interface HostilePod {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> }
  spec: Record<string, unknown> & {
    initContainers: HostileContainer[]
    containers: HostileContainer[]
    volumes: object[]
    securityContext?: Record<string, unknown>
  }
}

export interface HostileContainer {
  name: string
  image: string
  restartPolicy?: string
  lifecycle?: { postStart?: { exec: { command: string[] } }; preStop?: object }
  livenessProbe?: Record<string, unknown> & { exec?: { command: string[] }; periodSeconds?: number }
  ports?: object[]
  readinessProbe?: object
  startupProbe?: object
  securityContext: Record<string, unknown>
  volumeMounts: object[]
  env: { name: string; value?: string; valueFrom?: object }[]
  command?: string[]
  args?: string[]
}

/** A workload around a pod template that nobody has injected yet. */
export function workload(kind: string, change: (pod: HostilePod) => void): object {
  const template: HostilePod = {
    metadata: { labels: { app: 'devin', 'chaperone.dev/session': 'devin' }, annotations: {} },
    spec: {
      initContainers: [],
      containers: [{ name: 'main', image: 'agent', securityContext: {}, volumeMounts: [], env: [] }],
      volumes: [],
    },
  }
  change(template)
  const batch = { ...template, spec: { restartPolicy: 'Never', ...template.spec } }
  const selector = { matchLabels: { app: 'devin' } }
  const specs: Record<string, object> = {
    Deployment: { selector, template },
    StatefulSet: { selector, serviceName: 'devin', template },
    DaemonSet: { selector, template },
    ReplicaSet: { selector, template },
    ReplicationController: { template },
    Job: { template: batch },
    CronJob: { schedule: '* * * * *', jobTemplate: { spec: { template: batch } } },
  }
  return {
    apiVersion: kind.endsWith('Job') ? 'batch/v1' : kind === 'ReplicationController' ? 'v1' : 'apps/v1',
    kind,
    metadata: { name: 'hostile' },
    spec: specs[kind],
  }
}
