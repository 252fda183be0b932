import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { createKubectl, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { command, eventually, output } from '../harness/command.ts'
import { agentPod } from '../main-journey/session.ts'

jest.setTimeout(180_000)

const namespace = `kubernetes-api-${process.pid}`
const kubectl: Kubectl = createKubectl()
const serviceAccountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

beforeAll(async () => {
  await installChaperone()
  const object = (apiVersion: string, kind: string, name: string, more: object) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
    ...more,
  })
  await kubectl.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'chaperone.dev/injection': 'enabled' } },
    },
    object('v1', 'ServiceAccount', 'devin', {}),
    object('rbac.authorization.k8s.io/v1', 'RoleBinding', 'devin', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', name: 'devin', namespace }],
    }),
    object('chaperone.dev/v1alpha1', 'AgentSession', 'devin', {
      spec: {
        agent: { name: 'devin', owner: 'ada' },
        selector: { matchLabels: { app: 'devin' } },
        serviceAccounts: ['devin'],
        egress: {
          rules: [
            {
              name: 'kubernetes-read',
              to: { hosts: ['kubernetes.default.svc'], ports: [443] },
              match: { http: { methods: ['GET'] } },
              action: 'Allow',
              credential: { as: 'ServiceAccountToken' },
            },
          ],
        },
      },
    }),
  )
  await eventually(
    () => kubectl.tryApply(agentPod(namespace, 'agent', { serviceAccountName: 'devin' })),
    (answer) => answer.code === 0,
  )
  await kubectl('wait', '-n', namespace, '--for=condition=Ready', 'pod/agent', '--timeout=60s')
})

afterAll(() => kubectl('delete', 'namespace', namespace, '--wait=false'))

const inAgent = (script: string) => command('kubectl', ['exec', '-n', namespace, 'agent', '--', 'sh', '-c', script])
/** As every client inside a cluster does it. */
const call = (path: string, ...args: string[]) =>
  inAgent(
    `curl -sS -w '\\n%{http_code}' --cacert ${serviceAccountPath}/ca.crt -H "Authorization: Bearer $(cat ${serviceAccountPath}/token)" ` +
      `${args.join(' ')} "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT${path}"`,
  ).then(({ stdout }) => {
    const lines = stdout.split('\n')
    return { status: Number(lines.at(-1)), body: JSON.parse(lines.slice(0, -1).join('\n')) as Record<string, unknown> }
  })

test('an agent reads the Kubernetes API with the rights of its service account', async () => {
  const { status, body } = await call(`/api/v1/namespaces/${namespace}/pods`)
  expect([status, body['kind']]).toEqual([200, 'PodList'])
  expect((await call('/api/v1/namespaces/kube-system/secrets')).body['message']).toContain(
    `User "system:serviceaccount:${namespace}:devin" cannot list resource "secrets"`,
  )
})

test('what the rules do not name is denied by the sidecar, whatever RBAC grants', async () => {
  const { status, body } = await call(`/api/v1/namespaces/${namespace}/pods/agent`, '-X', 'DELETE')
  expect([status, body['reason']]).toEqual([403, 'NoRuleMatched'])
  expect(await kubectl('get', 'pod', '-n', namespace, 'agent', '-o', 'name')).toContain('pod/agent')
})

test('what the agent holds is no token: the API server does not know it', async () => {
  const token = (await inAgent(`cat ${serviceAccountPath}/token`)).stdout.trim()
  const server = (
    await output('kubectl', ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'])
  ).trim()
  const { stdout } = await command('curl', [
    '-sk',
    '-w',
    '%{http_code}',
    '-o',
    '/dev/null',
    '-H',
    `Authorization: Bearer ${token}`,
    `${server}/api`,
  ])
  expect(stdout).toBe('401')
  expect((await inAgent('grep -rl eyJ /var/run/secrets /run/secrets 2>/dev/null')).stdout).toBe('')
})
