import { readdirSync, readFileSync } from 'node:fs'
import { createTestAuthority } from '@chaperone/testkit'
import { image, type Kubectl } from '../harness/cluster.ts'
import { output } from '../harness/command.ts'

/** The APIs of vendors, at the very names where their clients look for them. */
export interface Vendors {
  /** PEM of the authority behind all of them, which no client knows. */
  readonly caBundle: string
  /** Where all of them are: of a name that is no Service's, a rule has to say that it leads inside. */
  readonly cidr: string
  /** What their callers must present, in the place that each vendor wants it. */
  readonly key: string
  requests(): Promise<VendorRequest[]>
}

export interface VendorRequest {
  readonly host: string
  readonly method: string
  readonly path: string
  /** The client's own name for itself. */
  readonly agent: string
  readonly status: number
  readonly problem?: string
}

const code = new URL('vendors/', import.meta.url)

export async function createVendors(kubectl: Kubectl, namespace: string, hosts: readonly string[]): Promise<Vendors> {
  const authority = await createTestAuthority()
  const tls = await authority.issue(...hosts)
  const key = `vendor-key-${process.pid}-3f9a1c5e`
  const metadata = { name: 'vendors', namespace }
  const mount = (name: string) => ({ name, mountPath: `/${name}` })
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      stringData: { key, 'tls.key': tls.key, 'tls.crt': tls.certificate },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: Object.fromEntries(readdirSync(code).map((name) => [name, readFileSync(new URL(name, code), 'utf8')])),
    },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: 'vendors' }, ports: [{ port: 443 }] } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: { app: 'vendors' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: image('chaperone-e2e-coding-agents'),
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/code/server.mjs'],
            securityContext: { runAsUser: 0 },
            volumeMounts: [mount('code'), mount('secrets')],
            readinessProbe: { tcpSocket: { port: 443 }, periodSeconds: 1 },
          },
        ],
        volumes: [
          { name: 'code', configMap: { name: 'vendors' } },
          { name: 'secrets', secret: { secretName: 'vendors' } },
        ],
      },
    },
  )
  const address = await kubectl('get', 'service', '-n', namespace, 'vendors', '-o', 'jsonpath={.spec.clusterIP}')
  await output(new URL('../cluster/cluster.sh', import.meta.url).pathname, ['host', address, ...hosts])
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/vendors', '--timeout=90s')
  return {
    caBundle: authority.certificate,
    cidr: `${address}/32`,
    key,
    async requests() {
      const lines = (await kubectl('logs', '-n', namespace, 'vendors')).split('\n')
      return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as VendorRequest)
    },
  }
}
