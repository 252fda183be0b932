import { Type, type Static } from 'typebox'
import { conditions } from '../shapes/condition.ts'
import { caBundle, rules } from '../shapes/rule.ts'
import { object } from '../shapes/schema.ts'
import { count } from '../shapes/scalars.ts'
import type { Kind, Resource } from './kind.ts'

const spec = object({ rules, caBundle }, { description: 'Reusable rules.' })

const status = object(
  { observedGeneration: Type.Optional(count('Generation last seen.')), conditions: Type.Optional(conditions) },
  { description: 'Reserved for the operator.' },
)

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when.' } as const

/** Rules that sessions of the same namespace cite. */
export const egressPolicy = {
  kind: 'EgressPolicy',
  plural: 'egresspolicies',
  singular: 'egresspolicy',
  shortNames: ['egpol'],
  scope: 'Namespaced',
  description: 'Egress rules that AgentSessions of the namespace cite by name.',
  spec,
  status,
  columns: [age],
} as const satisfies Kind

/** Rules over every session of the cluster, judged first; their Deny cannot be undone. */
export const clusterEgressPolicy = {
  kind: 'ClusterEgressPolicy',
  plural: 'clusteregresspolicies',
  singular: 'clusteregresspolicy',
  shortNames: ['cegpol'],
  scope: 'Cluster',
  description:
    'Egress rules over every AgentSession of the cluster, judged before all others. Their Deny cannot be undone.',
  spec,
  status,
  columns: [age],
} as const satisfies Kind

export type EgressPolicySpec = Static<typeof spec>
export type EgressPolicy = Resource<'EgressPolicy', EgressPolicySpec, Static<typeof status>>
export type ClusterEgressPolicy = Resource<'ClusterEgressPolicy', EgressPolicySpec, Static<typeof status>>
