import { expect, test } from '@jest/globals'
import { agentSession, parseResource, type AgentSession, type EgressPolicy } from '@chaperone/api'
import { resolvePolicy } from './resolve-policy.ts'

const session = (spec: object): AgentSession => {
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin', namespace: 'agents', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { agent: { name: 'devin' }, ...spec },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.resource
}
const shared = (name: string, mask: string[] = []): EgressPolicy =>
  ({
    metadata: { name },
    spec: { rules: [{ name: 'r', to: { hosts: ['a'], protocol: 'HTTP' }, action: 'Allow', mask }] },
  }) as unknown as EgressPolicy

test('policies come in the order of their citation, inline rules last', () => {
  const effective = resolvePolicy({
    session: session({ policies: [{ name: 'b' }, { name: 'a' }] }),
    policies: [shared('a'), shared('b')],
    clusterPolicies: [],
  })
  expect(effective.tiers[1]?.map((list) => list.source)).toEqual([
    'EgressPolicy/b',
    'EgressPolicy/a',
    'AgentSession/devin',
  ])
  expect(effective.unresolved).toEqual([])
})

test('a missing policy and a missing profile are named by their field', () => {
  const effective = resolvePolicy({
    session: session({
      policies: [{ name: 'gone' }, { name: 'a' }],
      egress: { rules: [{ name: 'x', to: { hosts: ['a'] }, action: 'Allow', mask: ['pii'] }] },
    }),
    policies: [shared('a', ['phi'])],
    clusterPolicies: [],
  })
  expect(effective.unresolved).toEqual([
    'spec.policies[0]: EgressPolicy "gone" does not exist in namespace "agents"',
    'EgressPolicy/a spec.rules[0].mask[0]: "phi" is not a profile in spec.masking.profiles of the session',
    'spec.egress.rules[0].mask[0]: "pii" is not a profile in spec.masking.profiles of the session',
  ])
})

test('the hash changes with anything that matters and with nothing else', () => {
  const hash = (spec: object) => resolvePolicy({ session: session(spec), policies: [], clusterPolicies: [] }).hash
  expect(hash({})).toBe(hash({}))
  expect(hash({ suspended: true })).not.toBe(hash({}))
})

test('limits.duration counts from the creation of the session', () => {
  expect(
    resolvePolicy({ session: session({ limits: { duration: '1h30m' } }), policies: [], clusterPolicies: [] }).expiresAt,
  ).toBe('2026-01-01T01:30:00.000Z')
})
