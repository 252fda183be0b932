import { Type, type Static } from 'typebox'
import { conditions } from '../shapes/condition.ts'
import { atomicList, enumeration, object, withRules } from '../shapes/schema.ts'
import { count, dateTime, objectName, text } from '../shapes/scalars.ts'
import type { Kind, Resource } from './kind.ts'

const decision = object(
  {
    verdict: enumeration(['Approved', 'Denied'], { description: 'What the reviewer decided.' }),
    reason: Type.Optional(text('Why, for the agent and the auditor.', 1024)),
    by: Type.Optional(text('User name of the reviewer, stamped at admission.', 253)),
    groups: Type.Optional(
      Type.Array(Type.String({ maxLength: 253 }), {
        maxItems: 64,
        ...atomicList,
        description: 'Groups of the reviewer, stamped at admission.',
      }),
    ),
    at: Type.Optional(dateTime('When, stamped at admission.')),
  },
  { description: 'The decision; set once.' },
)

const spec = withRules(
  object(
    {
      sessionRef: object(
        { name: objectName('AgentSession of the namespace.'), uid: text('Its uid.', 36) },
        { description: 'The session that asks.' },
      ),
      podRef: object(
        { name: objectName('Pod of the namespace.'), uid: text('Its uid.', 36) },
        { description: 'The pod that asks.' },
      ),
      agent: object(
        {
          name: text('Name of the agent.', 63),
          owner: text('Owner of the session, who cannot approve.', 253),
          serviceAccount: text('User name of the service account of the agent, which cannot approve.', 253),
        },
        { description: 'Who asks.' },
      ),
      rule: text('Rule that asks for approval.', 512),
      reason: Type.Optional(text('Why the rule exists.', 256)),
      action: object(
        {
          protocol: enumeration(['HTTP', 'Postgres'], { description: 'Protocol of the action.' }),
          summary: text('The action in one line, masked.', 1024),
          detail: Type.Optional(text('The action in full, masked.', 16384)),
          digest: Type.String({
            pattern: '^[0-9a-f]{64}$',
            maxLength: 64,
            description: 'SHA-256 of the exact action. Only the identical action passes.',
          }),
        },
        { description: 'What the agent wants to do.' },
      ),
      grant: enumeration(['Once', 'Session'], { description: 'What an approval is good for.' }),
      expiresAt: dateTime('From then on nobody can decide, and an unused approval is void.'),
      decision: Type.Optional(decision),
    },
    { description: 'What an agent wants and what a person decided. Everything but the decision is immutable.' },
  ),
  [
    {
      rule: 'self.sessionRef == oldSelf.sessionRef && self.podRef == oldSelf.podRef && self.agent == oldSelf.agent && self.rule == oldSelf.rule && self.action == oldSelf.action && self.grant == oldSelf.grant && self.expiresAt == oldSelf.expiresAt && has(self.reason) == has(oldSelf.reason) && (!has(self.reason) || self.reason == oldSelf.reason)',
      message: 'only decision may be set; everything else is immutable',
    },
    {
      rule: '!has(oldSelf.decision) || (has(self.decision) && self.decision == oldSelf.decision)',
      message: 'decision is set once and never changed',
      fieldPath: '.decision',
    },
  ],
)

const status = object(
  { observedGeneration: Type.Optional(count('Generation last acted on.')), conditions: Type.Optional(conditions) },
  {
    description:
      'Decided: False/Pending, or True with reason Approved, Denied, Expired or Cancelled. Consumed: True once the action has passed.',
  },
)

export const approvalRequest = {
  kind: 'ApprovalRequest',
  plural: 'approvalrequests',
  singular: 'approvalrequest',
  shortNames: ['appr'],
  scope: 'Namespaced',
  description:
    'An action that waits for a person. Created by the operator; decided by setting spec.decision, best with kubectl chaperone approve.',
  spec,
  status,
  columns: [
    { name: 'Agent', type: 'string', jsonPath: '.spec.agent.name', description: 'Who asks.' },
    { name: 'Action', type: 'string', jsonPath: '.spec.action.summary', description: 'What it wants to do.' },
    {
      name: 'State',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Decided")].reason',
      description: 'Pending, Approved, Denied, Expired or Cancelled.',
    },
    { name: 'By', type: 'string', jsonPath: '.spec.decision.by', description: 'Who decided.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when.' },
    {
      name: 'Owner',
      type: 'string',
      jsonPath: '.spec.agent.owner',
      description: 'Who answers for the agent.',
      priority: 1,
    },
    { name: 'Rule', type: 'string', jsonPath: '.spec.rule', description: 'Rule that asks.', priority: 1 },
    {
      name: 'Session',
      type: 'string',
      jsonPath: '.spec.sessionRef.name',
      description: 'Session that asks.',
      priority: 1,
    },
    {
      name: 'Expires',
      type: 'string',
      jsonPath: '.spec.expiresAt',
      description: 'Until when it can be decided.',
      priority: 1,
    },
    {
      name: 'Used',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Consumed")].status',
      description: 'Whether the action has passed.',
      priority: 1,
    },
  ],
} as const satisfies Kind

export type ApprovalRequestSpec = Static<typeof spec>
export type ApprovalRequestStatus = Static<typeof status>
export type ApprovalDecision = Static<typeof decision>
export type ApprovalRequest = Resource<'ApprovalRequest', ApprovalRequestSpec, ApprovalRequestStatus>
