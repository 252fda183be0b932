import type { Kubectl } from '../harness/cluster.ts'
import { image } from '../harness/cluster.ts'

/** A collector of the journey's own, which is not there until it is started, and keeps all it gets in a file. */
export interface Collector {
  readonly url: string
  start(): Promise<void>
  /** All that arrived, OTLP/JSON lines. */
  read(): Promise<string>
}

const config = `
receivers:
  otlp: {protocols: {http: {endpoint: 0.0.0.0:4318}}}
exporters:
  file/audit: {path: /data/audit.jsonl}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    logs: {receivers: [otlp], exporters: [file/audit]}
`

/** Not the chart's: a container's log is rotated at 10 MiB, and what was rotated away cannot be read through the API. */
export async function createCollector(kubectl: Kubectl, namespace: string): Promise<Collector> {
  const metadata = { name: 'collector', namespace, labels: { app: 'collector' } }
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'config.yaml': config } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: metadata.labels, ports: [{ port: 4318 }] } },
  )
  const data = { name: 'data', mountPath: '/data' }
  const container = (name: string, of: string, extra: object) => ({
    name,
    image: image(of),
    imagePullPolicy: 'IfNotPresent',
    ...extra,
  })
  return {
    url: `http://collector.${namespace}.svc:4318/v1/logs`,
    async start() {
      const collector = container('collector', 'chaperone-e2e-otelcol', {
        args: ['--config=/etc/collector/config.yaml'],
        readinessProbe: { tcpSocket: { port: 4318 }, periodSeconds: 1 },
        volumeMounts: [data, { name: 'config', mountPath: '/etc/collector' }],
      })
      const reader = container('reader', 'chaperone-e2e-agent', { command: ['sleep', '100000'], volumeMounts: [data] })
      const volumes = [
        { name: 'data', emptyDir: {} },
        { name: 'config', configMap: { name: 'collector' } },
      ]
      const spec = {
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsUser: 1000, fsGroup: 1000 },
        containers: [collector, reader],
        volumes,
      }
      await kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec })
      await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/collector', '--timeout=90s')
    },
    read: () => kubectl('exec', '-n', namespace, 'collector', '-c', 'reader', '--', 'cat', '/data/audit.jsonl'),
  }
}
