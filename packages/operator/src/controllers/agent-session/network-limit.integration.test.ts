import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { AgentSession } from '@chaperone/api'
import { systemClock } from '@chaperone/core'
import { createKubeClient, type KubeClient, type Store } from '@chaperone/kube'
import { startKubeApiserver, type KubeApiserver } from '@chaperone/testkit'
import type { Pod } from '../../inject/pod.ts'
import { networkPolicies, type NetworkPolicy } from '../../resources.ts'
import { createNetworkLimit } from './network-limit.ts'

const session = { metadata: { name: 'devin', namespace: 'agents', uid: 'u-1' } } as unknown as AgentSession
const name = { namespace: 'agents', name: 'chaperone-devin' }
const pods = (...ports: number[]): Pod[] => [
  { metadata: {}, spec: { containers: [{ name: 'main', ports: ports.map((containerPort) => ({ containerPort })) }] } },
]

let apiserver: KubeApiserver
let client: KubeClient
let writes = 0
/** What a watch would have told. */
let known: NetworkPolicy | undefined
const store = { get: () => known } as unknown as Store<NetworkPolicy>
const limit = async (...ports: number[]): Promise<NetworkPolicy> => {
  const counting: KubeClient = {
    ...client,
    patch: (...args) => {
      writes += 1
      return client.patch(...args)
    },
  }
  expect(
    await createNetworkLimit({ client: counting, networkPolicies: store })(session, pods(...ports)),
  ).toBeUndefined()
  return (known = await client.get(networkPolicies, name))
}

beforeAll(async () => {
  apiserver = await startKubeApiserver()
  await apiserver.createNamespace('agents')
  client = createKubeClient({ kubeconfig: apiserver.kubeconfigPath }, { clock: systemClock })
}, 180_000)
afterAll(async () => {
  client.close()
  await apiserver.stop()
})

test('a policy is written once, and again only when something is no longer as it should be', async () => {
  const written = await limit(8080)
  expect(written.metadata.labels).toEqual({ 'chaperone.dev/session': 'devin' })
  expect(await limit(8080)).toEqual(written)
  expect(writes).toBe(1)

  const path = '/apis/networking.k8s.io/v1/namespaces/agents/networkpolicies/chaperone-devin'
  known = (await apiserver.request(
    ...(['PATCH', path, { spec: { egress: [{}] } }, 'application/merge-patch+json'] as const),
  )) as NetworkPolicy
  expect((await limit(8080)).spec).toEqual(written.spec)
  expect(writes).toBe(2)

  expect(JSON.stringify((await limit(8080, 9090)).spec)).toContain('{"protocol":"TCP","port":9090}')
})

test('what the API server says is the answer, not a failure: the status has to tell of it', async () => {
  known = undefined
  const elsewhere = { ...session, metadata: { ...session.metadata, namespace: 'gone' } }
  const problem = await createNetworkLimit({ client, networkPolicies: store })(elsewhere, pods())
  expect(problem).toContain('namespaces "gone" not found')
})
