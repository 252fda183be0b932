import { expect, test } from '@jest/globals'
import { refusals } from './refusals.ts'
import type { Container, Pod } from '../pod.ts'

const pod = (spec: object, container: Partial<Container> = {}): Pod => ({
  metadata: {},
  spec: { containers: [{ name: 'main', ...container }], ...spec },
})

test('an ordinary pod is not refused', () => {
  expect(refusals(pod({}))).toEqual([])
})

test.each([
  [pod({ hostNetwork: true }), 'spec.hostNetwork'],
  [pod({ hostPID: true }), 'spec.hostPID'],
  [pod({ hostIPC: true }), 'spec.hostIPC'],
  [pod({ shareProcessNamespace: true }), 'spec.shareProcessNamespace'],
  [pod({ securityContext: { sysctls: [{ name: 'a' }] } }), 'spec.securityContext.sysctls'],
  [pod({ volumes: [{ name: 'h', hostPath: { path: '/' } }] }), 'spec.volumes[0]'],
  [pod({}, { name: 'chaperone-sidecar' }), 'spec.containers[0].name'],
  [pod({}, { securityContext: { privileged: true } }), 'spec.containers[0].securityContext.privileged'],
  [
    pod({}, { securityContext: { capabilities: { add: ['NET_RAW'] } } }),
    'spec.containers[0].securityContext.capabilities.add',
  ],
  [
    pod({}, { securityContext: { allowPrivilegeEscalation: true } }),
    'spec.containers[0].securityContext.allowPrivilegeEscalation',
  ],
  [
    pod({}, { securityContext: { seccompProfile: { type: 'Unconfined' } } }),
    'spec.containers[0].securityContext.seccompProfile.type',
  ],
  [pod({}, { ports: [{ containerPort: 1, hostPort: 80 }] }), 'spec.containers[0].ports[0].hostPort'],
  [
    pod({ initContainers: [{ name: 'i', securityContext: { privileged: true } }] }),
    'spec.initContainers[0].securityContext.privileged',
  ],
])('a pod that cannot be contained is refused by a message that names the field %#', (input, field) => {
  expect(refusals(input)).toEqual([expect.stringMatching(new RegExp(`^${field.replaceAll(/[[\].]/g, '\\$&')}: `))])
})

const credentials = ['orders-db']

test.each([
  [pod({ volumes: [{ name: 'v', secret: { secretName: 'orders-db' } }] }), 'spec.volumes[0].secret.secretName'],
  [
    pod({ volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 'orders-db' } }] } }] }),
    'spec.volumes[0].projected.sources[0].secret.name',
  ],
  [
    pod({}, { env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 'orders-db', key: 'password' } } }] }),
    'spec.containers[0].env[0].valueFrom.secretKeyRef.name',
  ],
  [pod({}, { envFrom: [{ secretRef: { name: 'orders-db' } }] }), 'spec.containers[0].envFrom[0].secretRef.name'],
])('an agent is not given a credential that its rules name %#', (input, field) => {
  expect(refusals(input, credentials)).toEqual([
    expect.stringMatching(
      /^(.*): holds a credential that only the sidecar may read \((container|volume) "(main|v)"\)$/,
    ),
  ])
  expect(refusals(input, credentials)[0]).toContain(`${field}: `)
  expect(refusals(input)).toEqual([])
})

test('a container that another injector put before those of the user is told by its name', () => {
  const initContainers = [{ name: 'init-firewall', securityContext: { capabilities: { add: ['NET_ADMIN'] } } }]
  expect(refusals(pod({ initContainers }))).toEqual([
    'spec.initContainers[0].securityContext.capabilities.add: must be empty; agents run with no capability (container "init-firewall")',
  ])
})

test.each([
  ['Istio', ['istio-init', 'istio-proxy'], 'sidecar.istio.io/inject=false'],
  ['Istio', ['istio-validation', 'istio-proxy'], 'sidecar.istio.io/inject=false'],
  ['Linkerd', ['linkerd-init', 'linkerd-proxy'], 'linkerd.io/inject=disabled'],
])('the first word about a pod that %s has injected (%j) is what to do', (mesh, names, remedy) => {
  const initContainers = names.map((name) => ({ name, securityContext: { capabilities: { add: ['NET_ADMIN'] } } }))
  const [first, ...others] = refusals(pod({ initContainers }))
  expect(first).toContain(`spec.initContainers[0].name: ${names.join(', ')}: ${mesh} and the sidecar cannot both`)
  expect(first).toContain(remedy)
  expect(others).toHaveLength(2)
})

test('what injection replaces or removes is not judged', () => {
  const volumes = [
    { name: 'chaperone-private', hostPath: { path: '/' } },
    { name: 'kube-api-access-x', projected: { sources: [{ serviceAccountToken: {} }] } },
  ]
  const initContainers = [{ name: 'chaperone-verify', securityContext: { privileged: true } }]
  expect(refusals(pod({ volumes, initContainers }))).toEqual([])
})

const proxyUrl = 'http://127.0.0.1:15002'

test.each([
  ['HTTPS_PROXY', 'http://proxy.example:3128'],
  ['https_proxy', ''],
  ['ALL_PROXY', 'socks5://127.0.0.1:1080'],
  ['no_proxy', '.svc'],
  ['NODE_USE_ENV_PROXY', '0'],
  ['JAVA_TOOL_OPTIONS', '-Dhttps.proxyHost=proxy.example'],
  ['JAVA_TOOL_OPTIONS', '-Dhttp.nonProxyHosts=*'],
  ['JAVA_TOOL_OPTIONS', '-DsocksProxyHost=proxy.example'],
])('where clients are told of the sidecar, a pod that sets %s to %j is refused, not overwritten', (name, value) => {
  const own = pod(
    {},
    {
      env: [
        { name: 'X', value: '1' },
        { name, value },
      ],
    },
  )
  expect(refusals(own, [], 'Proxy')).toEqual([
    expect.stringMatching(/^spec\.containers\[0\]\.env\[1\]: must not set a proxy/),
  ])
  expect(refusals(own)).toEqual([])
})

test('a proxy whose value nobody can read is refused as well', () => {
  const valueFrom = { configMapKeyRef: { name: 'settings', key: 'proxy' } }
  expect(refusals(pod({}, { env: [{ name: 'HTTP_PROXY', valueFrom }] }), [], 'Proxy')).toHaveLength(1)
})

test('what injection itself has set is not refused when the webhook is asked again', () => {
  const env = [
    { name: 'HTTPS_PROXY', value: proxyUrl },
    {
      name: 'JAVA_TOOL_OPTIONS',
      value:
        '-Xmx1g -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=15002 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=15002',
    },
  ]
  expect(refusals(pod({}, { env }), [], 'Proxy')).toEqual([])
})
