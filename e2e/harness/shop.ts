import { readFileSync } from 'node:fs'
import { createTestAuthority } from '@chaperone/testkit'
import { eventually } from './command.ts'
import { image, type Kubectl } from './cluster.ts'

/** An API and a database that agents work with, in a namespace of their own. */
export interface Shop {
  readonly apiHost: string
  readonly databaseHost: string
  readonly databasePassword: string
  /** PEM of the authority behind both. */
  readonly caBundle: string
  /** Requests that reached the API so far. */
  requests(): Promise<{ method: string; path: string; body: string; authorization: string | null }[]>
  /** What reached the API and was no request: bytes that are no TLS, datagrams. */
  strays(): Promise<string[]>
  /** Statements that reached the database so far. */
  statements(): Promise<string[]>
}

const schema = `create table customers (id int primary key, name text, email text, note text);
insert into customers values (1, 'Ada', 'ada@customer.example', 'calls from +44 20 7946 0958'), (2, 'Bob', 'bob@customer.example', 'none');
create role agent login password 'placeholder';
alter role agent password 'db-s3cret';
grant select, delete on customers to agent;
`

export async function createShop(kubectl: Kubectl, namespace: string): Promise<Shop> {
  const apiHost = `orders-api.${namespace}.svc`
  const databaseHost = `orders-db.${namespace}.svc`
  const authority = await createTestAuthority()
  const secret = async (name: string, host: string) => {
    const { key, certificate } = await authority.issue(host)
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.key': key, 'tls.crt': certificate },
    }
  }
  const service = (name: string, port: number) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ port }] },
  })
  const pod = (name: string, container: object, volumes: object[]) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      containers: [{ name: 'main', imagePullPolicy: 'IfNotPresent', ...container }],
      volumes,
      terminationGracePeriodSeconds: 1,
    },
  })
  const tls = (secretName: string) => ({ name: 'tls', secret: { secretName } })
  await kubectl.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    await secret('api-tls', apiHost),
    await secret('database-tls', databaseHost),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'shop', namespace },
      data: {
        'server.mjs': readFileSync(new URL('upstream-server.mjs', import.meta.url), 'utf8'),
        'schema.sql': schema,
      },
    },
    service('orders-api', 8443),
    service('orders-db', 5432),
    pod(
      'orders-api',
      {
        image: image('chaperone-control'),
        command: ['node', '/srv/server.mjs'],
        volumeMounts: [
          { name: 'code', mountPath: '/srv' },
          { name: 'tls', mountPath: '/tls' },
        ],
        readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
      },
      [{ name: 'code', configMap: { name: 'shop' } }, tls('api-tls')],
    ),
    pod(
      'orders-db',
      {
        image: image('chaperone-e2e-postgres'),
        env: [{ name: 'POSTGRES_PASSWORD', value: 'root-s3cret' }],
        volumeMounts: [
          { name: 'schema', mountPath: '/initdb.d' },
          { name: 'tls', mountPath: '/tls' },
        ],
        readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1 },
      },
      [
        { name: 'schema', configMap: { name: 'shop', items: [{ key: 'schema.sql', path: 'schema.sql' }] } },
        tls('database-tls'),
      ],
    ),
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/orders-api', 'pod/orders-db', '--timeout=90s')
  const logs = (name: string) => kubectl('logs', '-n', namespace, name)
  // The image starts the server once for its scripts and once for good.
  await eventually(
    () => logs('orders-db'),
    (text) => text.split('ready to accept connections').length > 1,
  )
  return {
    apiHost,
    databaseHost,
    databasePassword: 'db-s3cret',
    caBundle: authority.certificate,
    async requests() {
      const lines = (await logs('orders-api')).split('\n').filter((line) => line.includes('"method"'))
      return lines.map((line) => JSON.parse(line) as Awaited<ReturnType<Shop['requests']>>[number])
    },
    strays: async () => (await logs('orders-api')).split('\n').filter((line) => line.includes('"stray"')),
    statements: async () =>
      (await logs('orders-db')).split('\n').filter((line) => /(statement|execute [^:]+):/.test(line)),
  }
}
