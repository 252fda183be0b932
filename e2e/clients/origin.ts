import { readFileSync } from 'node:fs'
import { createTestAuthority } from '@chaperone/testkit'
import { image, type Kubectl } from '../harness/cluster.ts'

/** The server that all clients talk to. */
export interface Origin {
  readonly host: string
  /** The same server by a name that the session lets pass unread. */
  readonly unreadHost: string
  readonly caBundle: string
  requests(): Promise<OriginRequest[]>
}

export interface OriginRequest {
  readonly method: string
  /** The first segment of the path, by which the journey tells clients apart. */
  readonly client?: string
  readonly path?: string
  readonly agent: string
}

/** Starts origin.mjs in a namespace, with a certificate of its own authority for both names; gives the PEM of that authority. */
export async function createOrigin(kubectl: Kubectl, namespace: string): Promise<Origin> {
  const [host, unreadHost] = [`origin.${namespace}.svc`, `unread.${namespace}.svc`]
  const authority = await createTestAuthority()
  const { key, certificate } = await authority.issue(host, unreadHost)
  const service = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: 'origin' }, ports: [{ port: 8443 }] },
  })
  await kubectl.apply(
    service('origin'),
    service('unread'),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'origin-tls', namespace },
      stringData: { 'tls.key': key, 'tls.crt': certificate },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'origin', namespace },
      data: { 'origin.mjs': readFileSync(new URL('origin.mjs', import.meta.url), 'utf8') },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'origin', namespace, labels: { app: 'origin' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: image('chaperone-e2e-clients'),
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/code/origin.mjs'],
            volumeMounts: [
              { name: 'code', mountPath: '/code' },
              { name: 'tls', mountPath: '/tls' },
            ],
            readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
          },
        ],
        volumes: [
          { name: 'code', configMap: { name: 'origin' } },
          { name: 'tls', secret: { secretName: 'origin-tls' } },
        ],
      },
    },
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/origin', '--timeout=90s')
  return {
    host,
    unreadHost,
    caBundle: authority.certificate,
    async requests() {
      const lines = (await kubectl('logs', '-n', namespace, 'origin')).split('\n').filter((line) => line !== '')
      return lines.map((line) => JSON.parse(line) as OriginRequest)
    },
  }
}
