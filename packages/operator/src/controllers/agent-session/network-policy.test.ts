import { expect, test } from '@jest/globals'
import type { AgentSession } from '@chaperone/api'
import type { Container, Pod } from '../../inject/pod.ts'
import { desiredNetworkPolicy } from './network-policy.ts'

const session = { metadata: { name: 'devin', namespace: 'agents', uid: 'u-1' } } as unknown as AgentSession
const pod = (main: Partial<Container>, initContainers: Container[] = []): Pod => ({
  metadata: {},
  spec: { initContainers, containers: [{ name: 'main', ...main }] },
})
const ports = (...containerPorts: number[]) => ({ ports: containerPorts.map((containerPort) => ({ containerPort })) })
const open = (...pods: Pod[]) =>
  (desiredNetworkPolicy(session, pods).spec as { ingress: { ports: { port: number }[] }[] }).ingress.flatMap((rule) =>
    rule.ports.map(({ port }) => port),
  )

test('the policy belongs to its session and holds nobody but its pods without guard', () => {
  const { metadata, spec } = desiredNetworkPolicy(session, [])
  expect(metadata).toMatchObject({
    name: 'chaperone-devin',
    namespace: 'agents',
    labels: { 'chaperone.dev/session': 'devin' },
    ownerReferences: [{ kind: 'AgentSession', name: 'devin', uid: 'u-1', controller: true }],
  })
  expect(spec).toMatchObject({
    podSelector: { matchLabels: { 'chaperone.dev/session': 'devin', 'chaperone.dev/interception': 'Proxy' } },
    policyTypes: ['Ingress', 'Egress'],
  })
})

test('peers reach what some pod declares or is probed on, and the health port, each named once', () => {
  const helper: Container = { name: 'helper', restartPolicy: 'Always', ...ports(9000) }
  const done: Container = { name: 'setup', ...ports(7000) }
  const ours: Container = { name: 'chaperone-sidecar', restartPolicy: 'Always', ...ports(15021, 4444) }
  const probed = pod({ livenessProbe: { httpGet: { port: 8081 } } })
  expect(open(pod(ports(8080, 80), [ours, helper, done]), probed, pod(ports(80)))).toEqual([
    15021, 80, 8080, 8081, 9000,
  ])
  expect(open(pod({ ports: [{ containerPort: 5353, protocol: 'UDP' }] }))).toEqual([15021])
})

test('no number of declared ports makes the policy larger than the API server takes', () => {
  expect(open(pod(ports(...Array.from({ length: 5000 }, (_, each) => each + 1))))).toHaveLength(257)
})

test('only DNS may be anything but TCP, and metadata of clouds is out of reach', () => {
  const { egress } = desiredNetworkPolicy(session, []).spec as {
    egress: { to: { ipBlock?: { cidr: string; except?: string[] } }[]; ports: object[] }[]
  }
  expect(egress.map((rule) => rule.ports)).toEqual([
    [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ],
    [{ protocol: 'TCP' }],
  ])
  expect(egress[1]?.to.flatMap(({ ipBlock }) => ipBlock?.except ?? [])).toEqual([
    '169.254.0.0/16',
    '168.63.129.16/32',
    '100.100.100.200/32',
    '192.0.0.192/32',
    'fe80::/10',
    'fd00:ec2::254/128',
    'fd20:ce::254/128',
    'fd00:42::42/128',
    'fd00:ec2::23/128',
  ])
})
