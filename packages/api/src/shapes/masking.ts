import { Type, type Static } from 'typebox'
import { atomicList, enumeration, listMap, object, setList } from './schema.ts'
import { dnsLabel } from './scalars.ts'

export const detectorNames = [
  'EmailAddress',
  'PhoneNumber',
  'CreditCard',
  'Iban',
  'UsSsn',
  'IpAddress',
  'MacAddress',
  'PrivateKey',
  'JsonWebToken',
  'AwsAccessKey',
  'AzureKey',
  'GitHubToken',
  'GitLabToken',
  'SlackToken',
  'StripeKey',
  'OpenAiKey',
  'AnthropicKey',
  'GoogleApiKey',
  'NpmToken',
  'PypiToken',
  'ConnectionString',
  'Secret',
] as const
export type DetectorName = (typeof detectorNames)[number]

const replace = object(
  {
    strategy: enumeration(['Redact', 'Partial', 'Token', 'Hash'], {
      description:
        'Redact names the detector; Partial keeps the last characters; Token gives the same token for the same value within a session; Hash is a keyed hash.',
      default: 'Redact',
    }),
    keepLast: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 8, format: 'int32', description: 'Characters kept by Partial. Default 4.' }),
    ),
  },
  { description: 'What stands in place of a masked value.', default: {} },
)

export const maskingProfile = object(
  {
    name: dnsLabel('Name that rules cite.'),
    detect: Type.Array(Type.Enum([...detectorNames], { type: 'string' }), {
      maxItems: 32,
      ...setList,
      default: [],
      description: 'Built-in detectors; each checks structure and check digits, not only shape.',
    }),
    fields: Type.Array(Type.String({ minLength: 1, maxLength: 128, pattern: '^([*]|[$])[.][A-Za-z0-9_$*.-]+$' }), {
      maxItems: 64,
      ...atomicList,
      default: [],
      description:
        'JSON fields whose value is masked whatever it holds: $.customer.ssn from the root, *.password at any depth.',
    }),
    columns: Type.Array(Type.String({ minLength: 3, maxLength: 190, pattern: '^[^.]+([.][^.]+){1,2}$' }), {
      maxItems: 64,
      ...atomicList,
      default: [],
      description:
        'SQL columns by identity, table.column or schema.table.column; an alias does not defeat them. A table without schema is in public.',
    }),
    replace,
  },
  { description: 'A named set of things to mask.' },
)

export type MaskingProfile = Static<typeof maskingProfile>

export const maskingProfiles = Type.Array(maskingProfile, {
  maxItems: 16,
  ...listMap('name'),
  default: [],
  description: 'Profiles that rules cite by name.',
})
