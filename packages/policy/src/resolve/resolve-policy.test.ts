import { describe, expect, test } from '@jest/globals'
import {
  agentSession,
  parseResource,
  type AgentSession,
  type ClusterEgressPolicy,
  type EgressPolicy,
} from '@chaperone/api'
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
    'spec.policies[0]: EgressPolicy "gone" not found in namespace "agents"',
    'EgressPolicy/a spec.rules[0].mask[0]: profile "phi" is not in spec.masking.profiles',
    'spec.egress.rules[0].mask[0]: profile "pii" is not in spec.masking.profiles',
  ])
})

test('the hash changes with anything that matters and with nothing else', () => {
  const hash = (spec: object) => resolvePolicy({ session: session(spec), policies: [], clusterPolicies: [] }).hash
  expect(hash({})).toBe(hash({}))
  expect(hash({ suspended: true })).not.toBe(hash({}))
})

test('what is listed or named twice is named by its field', () => {
  const profile = { name: 'pii' }
  const rule = { name: 'x', to: { hosts: ['a'] }, action: 'Allow' }
  const effective = resolvePolicy({
    session: {
      ...session({ policies: [{ name: 'a' }, { name: 'a' }] }),
      spec: {
        ...session({ policies: [{ name: 'a' }, { name: 'a' }] }).spec,
        egress: { default: 'Deny', rules: [rule, rule] as never },
        masking: { profiles: [profile, profile] as never },
      },
    },
    policies: [shared('a')],
    clusterPolicies: [],
  })
  expect(effective.unresolved).toEqual([
    'spec.policies[1]: EgressPolicy "a" is listed twice',
    'spec.egress.rules[1].name: rule "x" is there twice',
    'spec.masking.profiles[1].name: profile "pii" is there twice',
  ])
})

test('a policy of another namespace is not found', () => {
  const stranger = { ...shared('a'), metadata: { name: 'a', namespace: 'others' } }
  const of = (policies: EgressPolicy[]) =>
    resolvePolicy({ session: session({ policies: [{ name: 'a' }] }), policies, clusterPolicies: [] })
  expect(of([stranger]).unresolved).toEqual(['spec.policies[0]: EgressPolicy "a" not found in namespace "agents"'])
  expect(of([stranger, { ...stranger, metadata: { name: 'a', namespace: 'agents' } }]).unresolved).toEqual([])
})

test('cluster policies are sorted by name and stand in the first tier', () => {
  const effective = resolvePolicy({
    session: session({}),
    policies: [],
    clusterPolicies: [shared('b'), shared('a')] as unknown as ClusterEgressPolicy[],
  })
  expect(effective.tiers[0]?.map((list) => list.source)).toEqual(['ClusterEgressPolicy/a', 'ClusterEgressPolicy/b'])
})

test('the certificates of the session and of every policy are joined', () => {
  const withBundle = (name: string, caBundle: string): EgressPolicy => {
    const policy = shared(name)
    return { ...policy, spec: { ...policy.spec, caBundle } }
  }
  const effective = resolvePolicy({
    session: session({
      policies: [{ name: 'a' }],
      egress: { caBundle: '-----BEGIN CERTIFICATE-----\nS\n-----END CERTIFICATE-----\n\n' },
    }),
    policies: [withBundle('a', '-----BEGIN CERTIFICATE-----\nA'), withBundle('unused', 'U')],
    clusterPolicies: [withBundle('c', 'C')] as unknown as ClusterEgressPolicy[],
  })
  expect(effective.caBundle).toBe(
    '-----BEGIN CERTIFICATE-----\nS\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nA\nC\n',
  )
})

describe('limits.duration', () => {
  const limited = session({ limits: { duration: '1h30m' } })
  const resolved = (creationTimestamp: string | undefined, nowMs?: number) => {
    const { creationTimestamp: _, ...metadata } = limited.metadata
    return resolvePolicy({
      session: {
        ...limited,
        metadata: { ...metadata, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) },
      },
      policies: [],
      clusterPolicies: [],
      ...(nowMs === undefined ? {} : { nowMs }),
    })
  }

  test('counts from the creation of the session', () => {
    expect(resolved('2026-01-01T00:00:00Z', 0).expiresAt).toBe('2026-01-01T01:30:00.000Z')
  })

  test('counts from now for a session that was never created', () => {
    expect(resolved(undefined, 0).expiresAt).toBe('1970-01-01T01:30:00.000Z')
  })

  test('is unresolved when there is nothing to count from', () => {
    for (const created of [undefined, 'yesterday'])
      expect(resolved(created).unresolved).toEqual([
        'spec.limits.duration: metadata.creationTimestamp is not a date and time to count from',
      ])
  })
})
