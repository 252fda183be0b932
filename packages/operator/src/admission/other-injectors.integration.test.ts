// Webhooks of others before and after ours on a real API server: either all of the pod is contained, or its author is told why
// there is none. Never a pod that is injected by halves.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { startKubeApiserver, type KubeAnswer, type KubeApiserver } from '@chaperone/testkit'
import { applyYaml } from '../../test/chart.ts'
import {
  first,
  firewall,
  impostor,
  istio,
  linkerd,
  mirror,
  observability,
  relabel,
  vault,
} from '../../test/injector-shapes.ts'
import { seenBy, startOtherInjector, type OtherInjector, type Shape } from '../../test/other-injector.ts'
import { installChart, startOperator, webhookFlags, type RunningOperator } from '../../test/running-operator.ts'
import type { Container, Pod } from '../inject/pod.ts'

jest.setTimeout(120_000)

/** Names decide the order; ours is `chaperone`. */
const places = {
  before: { prefix: 'aaa', reinvocation: 'Never' },
  after: { prefix: 'zzz', reinvocation: 'Never' },
  'after, and again after us': { prefix: 'zzz-again', reinvocation: 'IfNeeded' },
} as const
type Place = keyof typeof places
const everywhere = Object.keys(places) as Place[]

/** The words of the refusal, or the pod is contained. */
const cases: readonly (readonly [
  title: string,
  id: string,
  shape: Shape,
  places: readonly Place[],
  refusal?: string,
])[] = [
  ['an injector of containers and settings', 'observability', observability, ['before', 'after']],
  ['the same', 'observability', observability, ['after, and again after us'], 'initContainers[*].env'],
  ['Vault Agent', 'vault', vault, everywhere],
  ['a mirror of images', 'mirror', mirror, ['before', 'after']],
  ['a mirror of images', 'mirror', mirror, ['after, and again after us'], 'initContainers[*].image'],
  ['one that must be first', 'first', first, ['before', 'after']],
  [
    'one that must be first',
    'first',
    first,
    ['after, and again after us'],
    'not its first init containers (spec.initContainers)',
  ],
  ['one that takes the uid of the sidecar', 'impostor', impostor, ['before', 'after']],
  ['one that takes the uid of the sidecar', 'impostor', impostor, ['after, and again after us'], 'runAsUser'],
  ['one that changes our annotations', 'relabel', relabel, ['before', 'after']],
  ['one that changes our annotations', 'relabel', relabel, ['after, and again after us'], 'metadata.annotations'],
  [
    'one that adds a capability',
    'firewall',
    firewall,
    everywhere,
    'securityContext.capabilities.add: must be empty; agents run with no capability (container "firewall")',
  ],
  ['Istio', 'istio', istio('istio-init'), everywhere, 'label the pod sidecar.istio.io/inject=false'],
  [
    'Istio with its CNI plug-in',
    'istio-cni',
    istio('istio-validation'),
    everywhere,
    'label the pod sidecar.istio.io/inject=false',
  ],
  ['Linkerd', 'linkerd', linkerd, everywhere, 'annotate the pod linkerd.io/inject=disabled'],
]
const rows = cases.flatMap(([title, id, shape, where, refusal]) =>
  where.map((place) => ({ title, place, name: `${places[place].prefix}-${id}`, shape, refusal })),
)

let apiserver: KubeApiserver
let operator: RunningOperator
let injector: OtherInjector

beforeAll(async () => {
  const crds = ['agentsessions', 'approvalrequests', 'clusteregresspolicies', 'egresspolicies'].map(
    (name) => new URL(`../../../../crds/chaperone.dev_${name}.yaml`, import.meta.url).pathname,
  )
  apiserver = await startKubeApiserver({ crds, flags: webhookFlags })
  await installChart(apiserver)
  injector = await startOtherInjector(apiserver)
  for (const { name, shape, place } of rows) {
    await injector.register(name, shape, places[place].reinvocation)
    await apiserver.createNamespace(name, { injector: name })
  }
  operator = await startOperator(apiserver, 'one')
  await operator.ready()
  await applyYaml(apiserver, rows.map(({ name }) => sessionYaml(name)).join('---\n'))
  for (const { name } of rows) {
    await until(async () => JSON.stringify((await create(name, 'before-label')).body).includes(seenBy))
    const labelled = { metadata: { labels: { 'chaperone.dev/injection': 'enabled' } } }
    await apiserver.request('PATCH', `/api/v1/namespaces/${name}`, labelled, 'application/merge-patch+json')
  }
  // Policies and webhooks are in force some moments after they are made.
  await until(async () => (await create(rows[0]!.name, 'any', { hostNetwork: true })).status === 403)
}, 240_000)
afterAll(async () => {
  operator.program.kill('SIGKILL')
  await injector.close()
  await apiserver.stop()
})

const sessionYaml = (namespace: string) => `
apiVersion: chaperone.dev/v1alpha1
kind: AgentSession
metadata: {name: devin, namespace: ${namespace}}
spec: {agent: {name: devin, owner: ada}, selector: {matchLabels: {app: devin}}}
`
const create = (namespace: string, name: string, spec: object = {}): Promise<KubeAnswer> =>
  apiserver.attempt({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
    body: {
      metadata: { name, labels: { app: 'devin' } },
      spec: {
        containers: [{ name: 'main', image: 'agent' }],
        initContainers: [{ name: 'setup', image: 'agent' }],
        ...spec,
      },
    },
  })

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50))
}

describe.each(rows)('$title, $place', ({ name, refusal }) => {
  if (refusal === undefined)
    test('lives beside us, and all that it adds is contained', async () => {
      const { status, message, body } = await create(name, 'agent')
      expect([status, status === 201 ? '' : message]).toEqual([201, ''])
      const pod = body as Pod
      expect(pod.metadata.annotations?.[seenBy]).toBe(name)
      const [sidecar, verify, ...init] = pod.spec.initContainers ?? []
      expect([sidecar, verify].map((each) => each?.name)).toEqual(['chaperone-sidecar', 'chaperone-verify'])
      for (const container of [...init, ...pod.spec.containers]) expectContained(container, sidecar!)
    })
  else
    test('is refused, and the refusal says what to change', async () => {
      const { status, message } = await create(name, 'agent')
      expect(status).toBeGreaterThanOrEqual(400)
      expect(message).toContain(refusal)
    })
})

function expectContained(container: Container, sidecar: Container): void {
  const { securityContext, volumeMounts = [] } = container
  expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, seccompProfile: { type: 'RuntimeDefault' } })
  expect(securityContext?.capabilities).toEqual({ drop: ['ALL'] })
  expect(securityContext?.runAsUser).not.toBe(sidecar.securityContext?.runAsUser)
  expect(volumeMounts.filter(({ mountPath }) => mountPath.includes('serviceaccount'))).toEqual([])
  expect(container.env).toContainEqual({ name: 'SSL_CERT_FILE', value: '/etc/chaperone/trust/bundle.crt' })
}
