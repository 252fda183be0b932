// One decision under ten rules and under a thousand: the first, the last and no rule at all.
import { agentSession, egressPolicy, parseResource, type AgentSession, type EgressPolicy } from '@chaperone/api'
import type { Action } from '@chaperone/core'
import { compilePolicy, resolvePolicy, type CompiledPolicy } from '@chaperone/policy'
import { quantile, report, type Sample } from '../rig/measure.ts'

const decisions = 200_000
const warmUp = 50_000
/** The most that one list may have is 128. */
const rulesPerList = 100

const metadata = (name: string) => ({ name, namespace: 'bench' })
const apiVersion = 'chaperone.dev/v1alpha1'

function parsed<T>(result: ReturnType<typeof parseResource<T>>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.resource
}

/** Hosts repeat, so that several rules speak of each; every fourth rule is a suffix. */
function policyOf(count: number): CompiledPolicy {
  const rule = (at: number) => ({
    name: `rule-${at}`,
    to: { hosts: [at % 4 === 3 ? `*.zone${at % 50}.test` : `host${at % 100}.test`] },
    match: { http: { methods: ['GET', 'POST'], paths: [`/v1/area${at}/*/items/**`] } },
    action: 'Allow',
  })
  const lists = Array.from({ length: Math.ceil(count / rulesPerList) }, (_, list) =>
    parsed<EgressPolicy>(
      parseResource(egressPolicy, {
        apiVersion,
        kind: 'EgressPolicy',
        metadata: metadata(`list-${list}`),
        spec: {
          rules: Array.from({ length: Math.min(rulesPerList, count) }, (_, at) => rule(list * rulesPerList + at)),
        },
      }),
    ),
  )
  const session = parsed<AgentSession>(
    parseResource(agentSession, {
      apiVersion,
      kind: 'AgentSession',
      metadata: metadata('bench'),
      spec: { agent: { name: 'bench' }, policies: lists.map((list) => ({ name: list.metadata.name })) },
    }),
  )
  return compilePolicy(resolvePolicy({ session, policies: lists, clusterPolicies: [] }))
}

const request = (host: string, path: string): Action => ({
  protocol: 'HTTP',
  target: { host, port: 443 },
  http: { method: 'GET', scheme: 'https', path, query: '', headers: { accept: 'application/json' } },
})

function measure(policy: CompiledPolicy, action: Action, expected: 'allow' | 'deny'): Sample {
  const times = new Float64Array(decisions)
  for (let at = -warmUp; at < decisions; at++) {
    const from = process.hrtime.bigint()
    const { kind } = policy.evaluate(action, 0)
    const elapsed = Number(process.hrtime.bigint() - from) / 1000
    if (kind !== expected) throw new Error(`the policy says ${kind}, expected ${expected}`)
    if (at >= 0) times[at] = elapsed
  }
  const all = [...times]
  return { 'p50 µs': quantile(all, 0.5), 'p99 µs': quantile(all, 0.99) }
}

const results = new Map<string, Sample>()
for (const count of [10, 1000]) {
  const policy = policyOf(count)
  const last = count - 2
  results.set(`${count} rules, first`, measure(policy, request('host0.test', '/v1/area0/x/items/1'), 'allow'))
  results.set(
    `${count} rules, last`,
    measure(policy, request(`host${last % 100}.test`, `/v1/area${last}/x/items/1`), 'allow'),
  )
  results.set(`${count} rules, none`, measure(policy, request('host1.test', '/v2/other'), 'deny'))
}
report('policy decision', results)
