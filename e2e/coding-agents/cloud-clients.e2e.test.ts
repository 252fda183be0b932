// The command lines of clouds, and of Kubernetes against its own API: they are authenticated by what the sidecar adds, or by a signature of their
// own, which must fit what arrives.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { createAgentNamespace, startAgent, type Agent } from '../harness/agents.ts'
import { createKubectl, image, installChaperone, type Kubectl } from '../harness/cluster.ts'
import { eventually } from '../harness/command.ts'
import { agentPod } from '../main-journey/session.ts'
import { createVendors, type Vendors } from './vendors.ts'

jest.setTimeout(180_000)

const namespace = `cloud-clients-${process.pid}`
const vendorNamespace = `cloud-vendors-${process.pid}`
const kubectl: Kubectl = createKubectl()
const hosts = ['management.azure.com', 'sts.eu-central-1.amazonaws.com', 'shelf.s3.eu-central-1.amazonaws.com']

let vendors: Vendors
let agent: Agent

beforeAll(async () => {
  await installChaperone()
  vendors = await createVendors(kubectl, vendorNamespace, hosts)
  await createAgentNamespace(kubectl, namespace, {
    objects: [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'devin', namespace } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'devin', namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
        subjects: [{ kind: 'ServiceAccount', name: 'devin', namespace }],
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'azure', namespace },
        stringData: { password: vendors.key },
      },
      session(vendors),
    ],
  })
  agent = await startAgent(kubectl, clientsPod())
})

afterAll(() => kubectl('delete', 'namespace', namespace, vendorNamespace, '--wait=false'))

function session({ caBundle, cidr }: Vendors) {
  const azure = { secretRef: { name: 'azure' }, as: 'BearerToken' }
  const api = { hosts: ['kubernetes.default.svc'], ports: [443] }
  return {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin', namespace },
    spec: {
      agent: { name: 'devin', owner: 'ada' },
      selector: { matchLabels: { app: 'devin' } },
      serviceAccounts: ['devin'],
      egress: {
        caBundle,
        rules: [
          {
            name: 'no-port-forward',
            to: api,
            match: { http: { paths: ['/api/v1/namespaces/*/pods/*/portforward'] } },
            action: 'Deny',
            reason: 'agents open no ports',
          },
          { name: 'kubernetes', to: api, action: 'Allow', credential: { as: 'ServiceAccountToken' } },
          { name: 'azure', to: { hosts: ['management.azure.com'], cidrs: [cidr] }, action: 'Allow', credential: azure },
          { name: 'aws', to: { hosts: ['*.eu-central-1.amazonaws.com'], cidrs: [cidr] }, action: 'Allow' },
        ],
      },
    },
  }
}

function clientsPod() {
  const pod = agentPod(namespace, 'agent', { serviceAccountName: 'devin' })
  const env = [
    { name: 'AWS_ACCESS_KEY_ID', value: 'AKIDE2EEXAMPLE' },
    { name: 'AWS_SECRET_ACCESS_KEY', value: 'e2e-secret-access-key' },
    { name: 'AWS_DEFAULT_REGION', value: 'eu-central-1' },
  ]
  const command = ['sh', '-c', 'echo at work; exec sleep infinity']
  const container = { ...pod.spec.containers[0], image: image('chaperone-e2e-coding-agents'), env, command }
  return { ...pod, spec: { ...pod.spec, containers: [container] } }
}

/** What it printed; with all that it said where it failed. */
async function sh(script: string): Promise<string> {
  const { code, stdout, stderr } = await agent.run('sh', '-ec', script)
  if (code !== 0) throw new Error(`${script} exited with ${code}\n${stdout}\n${stderr}`)
  return stdout
}

describe('the AWS CLI', () => {
  test('says who it is: its signature fits what arrives', async () => {
    expect(JSON.parse(await sh('aws sts get-caller-identity'))).toMatchObject({
      Arn: 'arn:aws:iam::123456789012:user/agent',
    })
  })

  test('copies to S3 and back, and lists', async () => {
    const copy =
      'head -c 100000 /dev/urandom >there; aws s3 cp there s3://shelf/in/x; aws s3 cp s3://shelf/in/x back; cmp there back'
    expect(await sh(`cd "$(mktemp -d)"; ${copy}; aws s3 ls s3://shelf/in/`)).toMatch(/100000 x\n$/)
  })
})

test('the Azure CLI is authenticated by the sidecar', async () => {
  const subscriptions = 'https://management.azure.com/subscriptions?api-version=2020-01-01'
  const answer = await sh(`az rest --skip-authorization-header --url '${subscriptions}'`)
  expect(JSON.parse(answer)).toMatchObject({ value: [{ displayName: 'e2e', state: 'Enabled' }] })
})

describe('kubectl', () => {
  const configMap = (name: string) =>
    `kubectl apply -f - <<EOF\n${JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { state: 'new' } })}\nEOF`

  test('reads and writes objects', async () => {
    expect(await sh('kubectl get pods -o name')).toBe('pod/agent\n')
    expect(await sh(configMap('written'))).toBe('configmap/written created\n')
    expect(await kubectl('get', 'configmap', '-n', namespace, 'written', '-o', 'jsonpath={.data.state}')).toBe('new')
  })

  test('streams what changes while it looks', async () => {
    await sh(configMap('watched'))
    const waiting = sh(`kubectl wait configmap/watched --for=jsonpath='{.data.state}'=changed --timeout=60s`)
    await eventually(
      () => agent.run('pgrep', '-f', 'kubectl wait'),
      ({ code }) => code === 0,
    )
    await kubectl('patch', 'configmap', '-n', namespace, 'watched', '-p', '{"data":{"state":"changed"}}')
    expect(await waiting).toBe('configmap/watched condition met\n')
  })

  test('shows logs, and runs a command in a container over a WebSocket', async () => {
    expect(await sh('kubectl logs agent -c agent')).toBe('at work\n')
    expect(await sh('echo from afar | kubectl exec -i agent -c agent -- cat')).toBe('from afar\n')
  })

  test('is told why when a rule denies', async () => {
    const { code, stderr } = await agent.run('kubectl', 'port-forward', 'agent', '8080')
    expect(code).not.toBe(0)
    expect(stderr).toContain('agents open no ports')
  })
})

test('Helm installs, lists and removes a release', async () => {
  const template = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'of-chart' },
    data: { a: '{{ .Release.Name }}' },
  })
  const chart = `mkdir -p tiny/templates; echo '{"apiVersion":"v2","name":"tiny","version":"0.1.0"}' >tiny/Chart.yaml; echo '${template}' >tiny/templates/a.yaml`
  expect(await sh(`cd "$(mktemp -d)"; ${chart}; helm install one ./tiny >/dev/null; helm list --short`)).toBe('one\n')
  expect(await kubectl('get', 'configmap', '-n', namespace, 'of-chart', '-o', 'jsonpath={.data.a}')).toBe('one')
  expect(await sh('helm uninstall one')).toBe('release "one" uninstalled\n')
})

test('nothing was changed on the way', async () => {
  const requests = await vendors.requests()
  expect(requests.filter(({ problem }) => problem !== undefined)).toEqual([])
  expect(new Set(requests.map(({ host }) => host))).toEqual(new Set(hosts))
})
