import { sqlVerbs } from '@chaperone/core'
import { Type, type Static } from 'typebox'
import { atomicList, enumeration, listMap, object, setList, withRules } from './schema.ts'
import { dnsLabel, duration, hostPattern, objectName, text } from './scalars.ts'

export const maxRules = 128

const host = Type.String({
  pattern: hostPattern,
  maxLength: 253,
  description: 'Exact host name, a *.suffix (one or more labels), * for any, or an IP literal. Lower case.',
})

const destination = object(
  {
    hosts: Type.Array(host, {
      minItems: 1,
      maxItems: 64,
      ...setList,
      description:
        'Host names as the agent uses them: exact, *.suffix for one or more labels in front, * for any, or an IP literal. Chaperone resolves them itself; the address the agent dialled is never trusted.',
    }),
    ports: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 65535, format: 'int32' }), {
        minItems: 1,
        maxItems: 16,
        ...setList,
        description: 'Destination ports. Default: 80 and 443 for HTTP, 5432 for Postgres.',
      }),
    ),
    protocol: enumeration(['HTTP', 'Postgres'], {
      description: 'Application protocol. HTTP covers HTTP/1.1, HTTP/2, gRPC and WebSocket, with or without TLS.',
      default: 'HTTP',
    }),
    tls: enumeration(['Terminate', 'Passthrough'], {
      description:
        'Passthrough: TLS passes unread, for a client that refuses our certificate. Lost by it: methods, paths and bodies are neither judged, masked nor recorded, no credential is added, and the host may be a front for others of its provider. Only the name in the ClientHello, which must be the one looked up, and byte counts are known. In force only where no other rule, in any list, wants to read the destination.',
      default: 'Terminate',
    }),
    cidrs: Type.Optional(
      Type.Array(Type.String({ maxLength: 43, pattern: '^[0-9a-f.:]+/[0-9]{1,3}$' }), {
        minItems: 1,
        maxItems: 32,
        ...setList,
        description:
          'When set, the resolved address must lie in one of these ranges. A name outside the cluster may have a private address only in a range listed here. Loopback, link-local, metadata, node and API server addresses are reachable only when a range here begins with one; the API server also as kubernetes.default.svc.',
      }),
    ),
  },
  { description: 'Where the rule applies.' },
)

const httpMatch = object(
  {
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z][A-Z-]{0,31}$', maxLength: 32 }), {
        minItems: 1,
        maxItems: 16,
        ...setList,
        description: 'Request methods, upper case. Default: any.',
      }),
    ),
    paths: Type.Optional(
      Type.Array(Type.String({ pattern: '^/', maxLength: 512 }), {
        minItems: 1,
        maxItems: 64,
        ...setList,
        description:
          'Path globs on the normalised path: * matches within one segment, ** matches any number of segments. Default: any.',
      }),
    ),
  },
  { description: 'HTTP requests that the rule is about.' },
)

const sqlMatch = object(
  {
    verbs: Type.Optional(
      Type.Array(Type.Enum([...sqlVerbs], { type: 'string' }), {
        minItems: 1,
        maxItems: 16,
        ...setList,
        description:
          'Statement kinds. An Allow rule matches only when it lists every verb of the statement; Deny and Approve match when they list any.',
      }),
    ),
    tables: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 127, pattern: '^[^.*]*[*]?([.][^.*]*[*]?)?$' }), {
        minItems: 1,
        maxItems: 64,
        ...setList,
        description:
          'schema.table globs with a trailing *, such as public.*. An unqualified table counts as public. Same all/any reading as verbs.',
      }),
    ),
  },
  { description: "SQL statements that the rule is about, as classified by PostgreSQL's own parser." },
)

const credential = withRules(
  object(
    {
      secretRef: Type.Optional(
        object(
          {
            name: objectName('Secret in the namespace of the session.'),
            key: Type.String({
              maxLength: 253,
              pattern: '^[-._a-zA-Z0-9]+$',
              default: 'password',
              description: 'Key in the Secret.',
            }),
          },
          {
            description:
              'The Secret that holds the value; required unless as is ServiceAccountToken. Only the sidecar mounts it; the agent never sees it.',
          },
        ),
      ),
      as: enumeration(['BearerToken', 'BasicAuth', 'Header', 'PostgresPassword', 'ServiceAccountToken'], {
        description:
          "How the value is presented to the upstream. ServiceAccountToken: the bearer token of the pod's own service account, for the Kubernetes API at kubernetes.default.svc; the agent holds a placeholder in its place.",
      }),
      header: Type.Optional(
        Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9-]+$', description: 'Header name, for as: Header.' }),
      ),
      username: Type.Optional(
        text('User name, for as: BasicAuth and PostgresPassword. Postgres default: the user the agent asks for.', 128),
      ),
    },
    {
      description:
        'Credential that the sidecar adds after the verdict. What the agent sent in its place is removed; with one in Authorization, X-Api-Key, Api-Key or X-Goog-Api-Key so are the others of these.',
    },
  ),
  [
    {
      rule: "self.as != 'Header' || has(self.header)",
      message: 'header is required when as is Header',
      fieldPath: '.header',
      reason: 'FieldValueRequired',
      check: (self) => self.as !== 'Header' || self.header !== undefined,
    },
    {
      rule: "has(self.secretRef) != (self.as == 'ServiceAccountToken')",
      message: 'secretRef is required, unless as is ServiceAccountToken, which has none',
      fieldPath: '.secretRef',
      reason: 'FieldValueInvalid',
      check: (self) => (self.secretRef !== undefined) !== (self.as === 'ServiceAccountToken'),
    },
  ],
)

/** Terms of an Approve rule that names none. */
export const approvalDefaults = { hold: '90s', expires: '30m', grant: 'Once' } as const

const approval = object(
  {
    hold: duration(
      'How long the call is held open before it is answered as pending. Agents drop calls after 60–120 s.',
      approvalDefaults.hold,
    ),
    expires: duration('How long a person may take to decide, and how long an unused approval stays good.', '30m'),
    grant: enumeration(['Once', 'Session'], {
      description:
        'Once: one pass of the identical action. Session: the identical action passes until the session ends or the approval is deleted.',
      default: approvalDefaults.grant,
    }),
  },
  { description: 'Terms of the approval, for action: Approve. Absent: the defaults below.' },
)

export const auditLevel = ['None', 'Metadata', 'Request', 'RequestResponse'] as const

const ruleFields = object(
  {
    name: dnsLabel('Name of the rule, unique in its list. Denials, approvals and records cite it.'),
    to: destination,
    match: Type.Optional(
      object(
        { http: Type.Optional(httpMatch), sql: Type.Optional(sqlMatch) },
        { description: 'Narrows the rule to some actions. Absent: every action at the destination.' },
      ),
    ),
    action: enumeration(['Allow', 'Deny', 'Approve'], {
      description: 'Allow passes, Deny refuses, Approve holds the action until a person decides.',
    }),
    approval: Type.Optional(approval),
    credential: Type.Optional(credential),
    mask: Type.Optional(
      Type.Array(dnsLabel('Masking profile of the session.'), {
        maxItems: 8,
        ...atomicList,
        description: 'Masking profiles applied to what the agent receives, and to what is recorded.',
      }),
    ),
    audit: Type.Optional(
      object(
        {
          level: enumeration(auditLevel, {
            description: 'How much of each exchange is recorded. Payload is masked first.',
          }),
        },
        { description: 'Overrides the audit level of the session.' },
      ),
    ),
    reason: Type.Optional(text('One sentence for the agent and the reviewer: why this rule exists.', 256)),
  },
  { description: 'One egress rule. The first rule of a list that matches decides for that list.' },
)

export type EgressRule = Static<typeof ruleFields>
export type Credential = NonNullable<EgressRule['credential']>

export const rule = withRules(ruleFields, [
  {
    rule: "!has(self.match) || !has(self.match.http) || self.to.protocol == 'HTTP'",
    message: 'match.http needs to.protocol: HTTP',
    fieldPath: '.match.http',
    reason: 'FieldValueForbidden',
    check: (self) => self.match?.http === undefined || self.to.protocol === 'HTTP',
  },
  {
    rule: "!has(self.match) || !has(self.match.sql) || self.to.protocol == 'Postgres'",
    message: 'match.sql needs to.protocol: Postgres',
    fieldPath: '.match.sql',
    reason: 'FieldValueForbidden',
    check: (self) => self.match?.sql === undefined || self.to.protocol === 'Postgres',
  },
  {
    rule: "self.action == 'Approve' || !has(self.approval)",
    message: 'approval needs action: Approve',
    fieldPath: '.approval',
    reason: 'FieldValueForbidden',
    check: (self) => self.action === 'Approve' || self.approval === undefined,
  },
  {
    rule: "!has(self.credential) || (self.credential.as == 'PostgresPassword') == (self.to.protocol == 'Postgres')",
    message: 'credential.as PostgresPassword goes with to.protocol: Postgres, and only with it',
    fieldPath: '.credential.as',
    reason: 'FieldValueInvalid',
    check: (self) =>
      self.credential === undefined ||
      (self.credential.as === 'PostgresPassword') === (self.to.protocol === 'Postgres'),
  },
  {
    rule: "self.to.tls != 'Passthrough' || (self.to.protocol == 'HTTP' && self.action == 'Allow' && !has(self.match) && !has(self.mask) && !has(self.credential))",
    message: 'to.tls: Passthrough goes with action: Allow and nothing that must be read: no match, mask or credential',
    fieldPath: '.to.tls',
    reason: 'FieldValueForbidden',
    check: (self) =>
      self.to.tls !== 'Passthrough' ||
      (self.to.protocol === 'HTTP' &&
        self.action === 'Allow' &&
        self.match === undefined &&
        self.mask === undefined &&
        self.credential === undefined),
  },
])

export const rules = Type.Array(rule, {
  maxItems: maxRules,
  ...listMap('name'),
  default: [],
  description: 'Rules in order; the first that matches decides for this list.',
})

export const caBundle = Type.Optional(
  Type.String({
    maxLength: 262144,
    pattern: '^\\s*-----BEGIN CERTIFICATE-----',
    description: 'PEM certificates trusted for upstreams, in addition to the public roots.',
  }),
)
