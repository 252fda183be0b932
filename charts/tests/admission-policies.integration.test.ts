// The admission policies of the chart on a real API server, with no webhook: what they refuse, in which words, and that
// every rule of theirs is needed.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { startKubeApiserver, type KubeAnswer, type KubeApiserver } from '@chaperone/testkit'
import { refusals, type Pod } from '@chaperone/operator/inject'
import {
  createNamespace,
  installMutant,
  installPolicies,
  mutantsOf,
  probeName,
  renderPolicies,
  type Mutant,
} from './admission-policies.ts'
import { honestRequests, hostileRequests, type HostileRequest, type Injection } from './hostile-requests.ts'
import { hazards } from './hazards.ts'
import { injectedPod, workload } from './injected-pod.ts'

jest.setTimeout(300_000)

const requestsOf = (policy: string) => hostileRequests.filter((request) => request.policy === policy)
const policies = renderPolicies().policies.filter(({ metadata }) => requestsOf(metadata.name).length > 0)
/** The rules for templates are the same lines for every kind of workload. */
const mutants = mutantsOf(policies.filter(({ metadata }) => !/jobs$/.test(metadata.name)))
let server: KubeApiserver

beforeAll(async () => {
  server = await startKubeApiserver()
  // Before the policies, which would not let the bare pod stand in a namespace that requires injection.
  for (const injection of ['enabled', 'required', 'none'] as const) await createPlace(injection)
  for (const { policy, id } of mutants)
    for (const injection of new Set(requestsOf(policy.metadata.name).map(injectionOf))) await createPlace(injection, id)
  await installPolicies(server)
  for (const mutant of mutants) await installMutant(server, mutant)
  for (const policy of policies) await inForce(requestsOf(policy.metadata.name)[0]!)
})

afterAll(() => server.stop())

/** A namespace with an injected and a bare pod in it. */
async function createPlace(injection: Injection, mutant?: string): Promise<void> {
  const name = place(injection, mutant)
  await createNamespace(server, name, {
    ...(injection === 'none' ? {} : { injection }),
    ...(mutant === undefined ? {} : { mutant }),
  })
  const pods = `/api/v1/namespaces/${name}/pods`
  const bare = { metadata: { name: 'bare' }, spec: { containers: [{ name: 'main', image: 'agent' }] } }
  for (const pod of [injectedPod('agent'), bare, ...(mutant === undefined ? [] : [injectedPod(probeName)])])
    await server.request('POST', pods, pod)
}

const place = (injection: Injection, mutant = 'whole') => `${mutant}-${injection}`
const injectionOf = ({ injection = 'enabled' }: Pick<HostileRequest, 'injection'>): Injection => injection
const send = (request: Pick<HostileRequest, 'call' | 'injection'>, mutant?: string): Promise<KubeAnswer> =>
  server.attempt(request.call(place(injectionOf(request), mutant)))
const isRefused = ({ status, message }: KubeAnswer): boolean => status >= 400 && message.includes('chaperone: ')

/** The API server takes up policies about once a second. */
async function inForce(request: HostileRequest, mutant?: string): Promise<void> {
  while (!isRefused(await send(request, mutant))) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Asks for the object with the name that every mutant refuses. */
function probeOf(request: HostileRequest): HostileRequest {
  return {
    ...request,
    call(namespace) {
      const call = request.call(namespace)
      const body = call.body as { metadata?: object } | undefined
      return {
        ...call,
        path: call.path.replace(/\/pods\/(agent|bare)/, `/pods/${probeName}`),
        ...(call.method === 'POST' && body !== undefined
          ? { body: { ...body, metadata: { ...body.metadata, name: probeName } } }
          : {}),
      }
    },
  }
}

test.each(hostileRequests.map((request) => [request.title, request] as const))(
  '%s is refused, naming what is wrong',
  async (_, request) => {
    const { status, message } = await send(request)
    expect({ refused: status >= 400, message }).toEqual({
      refused: true,
      message: expect.stringContaining(request.names),
    })
    expect(message).toContain(`ValidatingAdmissionPolicy '${request.policy}'`)
  },
)

test.each(honestRequests.map((request) => [request.title, request] as const))('%s is accepted', async (_, request) => {
  const { status, message } = await send(request)
  expect({ accepted: status < 300, message }).toEqual({ accepted: true, message: expect.anything() })
})

/** The requests that the removed rule speaks of come first. */
function mostLikelyFirst({ policy, removed }: Mutant): HostileRequest[] {
  const { message = '', messageExpression = '' } = policy.spec.validations[removed]!
  const speaksOf = ({ names }: HostileRequest) => (`${message}${messageExpression}`.includes(names) ? 0 : 1)
  return requestsOf(policy.metadata.name).sort((a, b) => speaksOf(a) - speaksOf(b))
}

test.each(hazards)('the webhook refuses a pod with %s too', (_title, _field, change) => {
  const { spec } = workload('ReplicaSet', change) as { spec: { template: Pod } }
  expect(refusals(spec.template).join('\n')).toMatch(/^spec\./)
})

describe('without one of its rules, a policy lets something through:', () => {
  test.each(
    mutants.map((mutant) => {
      const { message } = mutant.policy.spec.validations[mutant.removed]!
      return [`${mutant.policy.metadata.name}: ${message ?? 'the rule with a composed message'}`, mutant] as const
    }),
  )('%s', async (_, mutant) => {
    const requests = mostLikelyFirst(mutant)
    await inForce(probeOf(requests[0]!), mutant.id)
    let admitted: string | undefined
    for (const request of requests) {
      if (isRefused(await send(request, mutant.id))) continue
      admitted = request.title
      break
    }
    expect(admitted).toBeDefined()
  })
})
