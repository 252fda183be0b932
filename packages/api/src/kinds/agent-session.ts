import { Type, type Static } from 'typebox'
import { containmentReasons } from '../control.ts'
import { conditions } from '../shapes/condition.ts'
import { maskingProfiles } from '../shapes/masking.ts'
import { auditLevel, caBundle, rules } from '../shapes/rule.ts'
import { atomicList, enumeration, listMap, object, setList, withRules } from '../shapes/schema.ts'
import { byteQuantity, count, dateTime, duration, objectName, text } from '../shapes/scalars.ts'
import type { Kind, Resource } from './kind.ts'

const selector = object(
  {
    matchLabels: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 63 }), {
        maxProperties: 16,
        description: 'Labels that a pod must carry.',
      }),
    ),
    matchExpressions: Type.Optional(
      Type.Array(
        object(
          {
            key: Type.String({ maxLength: 316, description: 'Label key.' }),
            operator: enumeration(['In', 'NotIn', 'Exists', 'DoesNotExist'], {
              description: 'Relation of the label to values.',
            }),
            values: Type.Optional(
              Type.Array(Type.String({ maxLength: 63 }), {
                maxItems: 32,
                ...atomicList,
                description: 'Values, for In and NotIn.',
              }),
            ),
          },
          { description: 'One requirement on the labels.' },
        ),
        { maxItems: 16, ...atomicList, description: 'Requirements that must all hold.' },
      ),
    ),
  },
  {
    description:
      'Pods that belong to this session. A pod may also name it by the label chaperone.dev/session. A pod that two sessions select is refused.',
  },
)

const spec = withRules(
  object(
    {
      agent: object(
        {
          name: Type.String({
            minLength: 1,
            maxLength: 63,
            description: 'What the agent is called in approvals and records.',
          }),
          owner: Type.Optional(
            text(
              'Who answers for the agent. Stamped with the name of the creator when absent. The owner cannot approve.',
              253,
            ),
          ),
        },
        { description: 'Who the agent is.' },
      ),
      selector: Type.Optional(selector),
      serviceAccounts: Type.Array(objectName('Service account name.'), {
        minItems: 1,
        maxItems: 16,
        ...setList,
        default: ['default'],
        description: 'Service accounts that pods of this session may run as. Any other pod is refused.',
      }),
      policies: Type.Array(
        object(
          {
            kind: enumeration(['EgressPolicy'], { description: 'Kind of policy.', default: 'EgressPolicy' }),
            name: objectName('Policy in the namespace of the session.'),
          },
          { description: 'Reference to a reusable policy.' },
        ),
        {
          maxItems: 16,
          ...atomicList,
          default: [],
          description:
            'Reusable policies. In each list, these and the inline rules, the first rule that matches decides for the list; across lists Deny beats Approve beats Allow. Cluster policies come before them, and their Deny is final. A missing one denies everything.',
        },
      ),
      egress: object(
        {
          default: enumeration(['Deny', 'Approve', 'Allow'], {
            description: 'What happens to an action that no rule names.',
            default: 'Deny',
          }),
          rules,
          caBundle,
        },
        { description: 'What the agent may reach.', default: {} },
      ),
      masking: object(
        { profiles: maskingProfiles },
        { description: 'What is hidden from the agent and from the records.', default: {} },
      ),
      audit: object(
        {
          level: enumeration(auditLevel, {
            description: 'How much of each exchange is recorded. Payload is masked first.',
            default: 'Metadata',
          }),
          maxBodyBytes: byteQuantity('Most bytes of a body that a record holds; the hash covers all of it.', '64Ki'),
          onUnavailable: enumeration(['Block', 'Continue'], {
            description:
              'What happens to the agent when records can no longer be stored. Continue records the exact gap.',
            default: 'Block',
          }),
        },
        { description: 'What is recorded.', default: {} },
      ),
      limits: Type.Optional(
        object(
          {
            duration: Type.Optional(
              duration('The session ends this long after it was created; everything is denied from then on.'),
            ),
            requests: Type.Optional(
              Type.Integer({ minimum: 1, format: 'int64', description: 'Actions that each pod may take.' }),
            ),
          },
          { description: 'Bounds of the session.' },
        ),
      ),
      suspended: Type.Boolean({ default: false, description: 'true stops all egress at once and keeps the pods.' }),
    },
    { description: 'Who the agent is and what it may do.' },
  ),
  [],
)

const podStatus = object(
  {
    uid: Type.String({ maxLength: 36, description: 'UID of the pod.' }),
    name: Type.String({ maxLength: 253, description: 'Name of the pod.' }),
    contained: Type.Boolean({
      description:
        'Whether the last self-test found no way out, not too long ago. Never without a guard (label chaperone.dev/interception=Proxy).',
    }),
    containedReason: Type.Optional(enumeration(containmentReasons, { description: 'Why it is contained, or not.' })),
    containedMessage: Type.Optional(text('What the self-test found.', 512)),
    lastCheckTime: Type.Optional(dateTime('When the last self-test ended.')),
    policyHash: Type.Optional(text('Policy in force in the pod.', 64)),
    lastHeartbeatTime: dateTime('When the sidecar last reported.'),
    requests: count('Actions judged.'),
    denied: count('Actions denied.'),
    masked: count('Values masked.'),
    audit: object(
      {
        sequence: count('Last record written.'),
        head: text('Hash of the last record.', 64),
        deliveredSequence: count('Last record that the collector confirmed.'),
        publicKey: Type.Optional(text('Ed25519 key that signs the checkpoints of the pod, SPKI in base64.', 256)),
        message: Type.Optional(text('Why delivery is behind.', 512)),
      },
      { description: 'Audit chain of the pod.' },
    ),
  },
  { description: 'One pod of the session.' },
)

const status = object(
  {
    observedGeneration: Type.Optional(count('Generation that the operator last acted on.')),
    conditions: Type.Optional(conditions),
    policyHash: Type.Optional(text('Hash of the policy that pods should have.', 64)),
    expiresAt: Type.Optional(dateTime('When limits.duration ends the session.')),
    pods: Type.Optional(
      Type.Array(podStatus, { maxItems: 256, ...listMap('uid'), description: 'Pods whose sidecar has reported.' }),
    ),
    counters: Type.Optional(
      object(
        {
          pods: count('Live pods.'),
          requests: count('Actions judged.'),
          denied: count('Actions denied.'),
          pending: count('Approval requests that wait for a person.'),
          masked: count('Values masked.'),
        },
        { description: 'Sums over all pods, also those that are gone.' },
      ),
    ),
    retired: Type.Optional(
      object(
        { requests: count('Actions judged.'), denied: count('Actions denied.'), masked: count('Values masked.') },
        { description: 'Part of the counters that belongs to pods that are gone.' },
      ),
    ),
  },
  { description: 'What the session does, written by the operator every few seconds.' },
)

const condition = (type: string, field: 'status' | 'reason') => `.status.conditions[?(@.type=="${type}")].${field}`

export const agentSession = {
  kind: 'AgentSession',
  plural: 'agentsessions',
  singular: 'agentsession',
  shortNames: ['agses'],
  scope: 'Namespaced',
  description: 'An AI agent under supervision: its pods, what they may reach, what is masked, what needs approval.',
  spec,
  status,
  columns: [
    { name: 'Owner', type: 'string', jsonPath: '.spec.agent.owner', description: 'Who answers for the agent.' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: condition('Ready', 'status'),
      description: 'Whether everything below is in order.',
    },
    { name: 'Pods', type: 'integer', jsonPath: '.status.counters.pods', description: 'Live pods.' },
    { name: 'Requests', type: 'integer', jsonPath: '.status.counters.requests', description: 'Actions judged.' },
    { name: 'Denied', type: 'integer', jsonPath: '.status.counters.denied', description: 'Actions denied.' },
    {
      name: 'Pending',
      type: 'integer',
      jsonPath: '.status.counters.pending',
      description: 'Approval requests that wait.',
    },
    { name: 'Masked', type: 'integer', jsonPath: '.status.counters.masked', description: 'Values masked.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when.' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: condition('Ready', 'reason'),
      description: 'Why it is not ready.',
      priority: 1,
    },
    {
      name: 'Contained',
      type: 'string',
      jsonPath: condition('Contained', 'status'),
      description: 'Whether no pod has a way around the sidecar.',
      priority: 1,
    },
    {
      name: 'Delivered',
      type: 'string',
      jsonPath: condition('AuditDelivered', 'status'),
      description: 'Whether the collector has every record.',
      priority: 1,
    },
    {
      name: 'Default',
      type: 'string',
      jsonPath: '.spec.egress.default',
      description: 'What happens to unnamed actions.',
      priority: 1,
    },
    {
      name: 'Suspended',
      type: 'boolean',
      jsonPath: '.spec.suspended',
      description: 'Whether egress is stopped.',
      priority: 1,
    },
  ],
} as const satisfies Kind

export type AgentSessionSpec = Static<typeof spec>
export type AgentSessionStatus = Static<typeof status>
export type PodStatus = Static<typeof podStatus>
export type AgentSession = Resource<'AgentSession', AgentSessionSpec, AgentSessionStatus>
