import { startKubeApiserver, type KubeAnswer } from '@chaperone/testkit'
import {
  createNamespace,
  installMutant,
  installPolicies,
  mutantsOf,
  probeName,
  renderPolicies,
  type Mutant,
} from './admission-policies.ts'
import { earlier, honestRequests, hostileRequests, type HostileRequest, type Place } from './hostile-requests.ts'
import { injectedPod } from './injected-pod.ts'

/** A real API server with the policies of the chart, and beside them each policy without one of its rules; no webhook. */
export interface AdmissionServer {
  /** Sent where all policies are in force. */
  send(request: Pick<HostileRequest, 'call'> & Place): Promise<KubeAnswer>
  /** The first request of its policy that gets through without the rule; undefined for none. */
  admittedWithout(mutant: Mutant): Promise<string | undefined>
  stop(): Promise<void>
}

const requestsOf = (policy: string) => hostileRequests.filter((request) => request.policy === policy)
const policies = renderPolicies().policies.filter(({ metadata }) => requestsOf(metadata.name).length > 0)
/** The rules for templates are the same lines for every kind of workload. */
export const mutants: readonly Mutant[] = mutantsOf(
  policies.filter(({ metadata }) => !/(jobs|replicationcontrollers)$/.test(metadata.name)),
)

export function ruleOf({ policy, removed }: Mutant): string {
  const { message } = policy.spec.validations[removed] ?? {}
  return `${policy.metadata.name}: ${message ?? 'the rule with a composed message'}`
}

export async function startAdmissionServer(): Promise<AdmissionServer> {
  const server = await startKubeApiserver()
  const sendTo = (request: Pick<HostileRequest, 'call'> & Place, mutant?: string): Promise<KubeAnswer> =>
    server.attempt(request.call(nameOf(request, mutant)))

  /** A namespace with an injected and a bare pod in it, and a workload that would be refused. */
  const createPlace = async (place: Place, mutant?: string): Promise<void> => {
    const { injection = 'enabled', interception } = place
    const name = nameOf(place, mutant)
    await createNamespace(server, name, {
      ...(injection === 'none' ? {} : { injection }),
      ...(interception === undefined ? {} : { interception }),
      ...(mutant === undefined ? {} : { mutant }),
    })
    const injected = (pod: string) => injectedPod(pod, undefined, interception === 'Proxy' ? 'Proxy' : 'Transparent')
    const pods = `/api/v1/namespaces/${name}/pods`
    const bare = { metadata: { name: 'bare' }, spec: { containers: [{ name: 'main', image: 'agent' }] } }
    await Promise.all([
      ...[injected('agent'), bare, ...(mutant === undefined ? [] : [injected(probeName)])].map((pod) =>
        server.request('POST', pods, pod),
      ),
      server.request('POST', `/apis/apps/v1/namespaces/${name}/deployments`, earlier),
    ])
  }

  /** The API server takes up policies about once a second. */
  const inForce = async (request: HostileRequest, mutant?: string): Promise<void> => {
    while (!isRefused(await sendTo(request, mutant))) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  // Before the policies, which would not let the bare pod stand in a namespace that requires injection.
  await Promise.all(placesOf([...hostileRequests, ...honestRequests]).map((place) => createPlace(place)))
  for (const { policy, id } of mutants)
    await Promise.all(placesOf(requestsOf(policy.metadata.name)).map((place) => createPlace(place, id)))
  await installPolicies(server)
  for (const mutant of mutants) await installMutant(server, mutant)
  for (const { metadata } of policies)
    for (const request of requestsOf(metadata.name).slice(0, 1)) await inForce(request)

  return {
    send: (request) => sendTo(request),
    async admittedWithout(mutant) {
      const requests = mostLikelyFirst(mutant)
      for (const request of requests.slice(0, 1)) await inForce(probeOf(request), mutant.id)
      for (const request of requests) if (!isRefused(await sendTo(request, mutant.id))) return request.title
      return undefined
    },
    stop: () => server.stop(),
  }
}

/** Labels may differ in case alone, names of namespaces may not. */
const nameOf = ({ injection = 'enabled', interception = '' }: Place, mutant = 'whole') =>
  `${mutant}-${injection}${interception.replaceAll(/[A-Z]/g, '-$&').toLowerCase()}`
/** Each once. */
const placesOf = (all: readonly Place[]): Place[] => [...new Map(all.map((each) => [nameOf(each), each])).values()]
const isRefused = ({ status, message }: KubeAnswer): boolean => status >= 400 && message.includes('chaperone: ')

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

/** The requests that the removed rule speaks of come first. */
function mostLikelyFirst({ policy, removed }: Mutant): HostileRequest[] {
  const { message = '', messageExpression = '' } = policy.spec.validations[removed] ?? {}
  const speaksOf = ({ names }: HostileRequest) => (`${message}${messageExpression}`.includes(names) ? 0 : 1)
  return requestsOf(policy.metadata.name).sort((a, b) => speaksOf(a) - speaksOf(b))
}
