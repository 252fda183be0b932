import fc from 'fast-check'

const alnum = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ'

/** One value, at least, for every detector; none of them is anyone's. */
export const samples: readonly string[] = [
  'ada@example.com',
  'jörg.o+x@müller.example',
  '4111 1111 1111 1111',
  '5555555555554444',
  '3782-822463-10005',
  'DE89 3704 0044 0532 0130 00',
  'GB29NWBK60161331926819',
  '078-05-1120',
  'ssn: 078051120',
  '+44 20 7946 0958',
  '(415) 655-2671',
  '10.1.2.3',
  '2001:db8::1',
  '2001:db8:0:1:2:3:4:5',
  '3c:22:fb:12:9a:0e',
  '3C-22-FB-12-9A-0F',
  '-----BEGIN PRIVATE KEY-----MII-----END PRIVATE KEY-----',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
  'AKIAIOSFODNN7EXAMPLE',
  `aws_secret=${alnum.slice(6)}`,
  `abc8Q~${alnum.slice(0, 34)}`,
  `AccountKey=${'Ab1+'.repeat(21)}Ab==`,
  `ghp_${alnum.slice(0, 36)}`,
  `glpat-${alnum.slice(0, 20)}`,
  'xoxb-123456789012-abcdef',
  `sk_live_${alnum.slice(0, 24)}`,
  `sk-proj-${alnum}`,
  `sk-ant-api03-${alnum}`,
  `AIza${alnum.slice(0, 35)}`,
  `ya29.${alnum}`,
  `npm_${alnum.slice(0, 36)}`,
  `pypi-${alnum}${alnum}`,
  'postgres://app:s3cret@db/shop',
  'password = "Tr0ub4dor-x7Q"',
  'Authorization: Bearer 9f8a7b6c5d4e3f2a',
]

/** What stands around values, and what looks like a part of one. */
const filler = fc.oneof(
  fc.constantFrom(
    ' ',
    '  ',
    ', ',
    '"',
    '\\',
    '/',
    ':',
    '=',
    '-',
    '.',
    '\t',
    'x',
    '7',
    'Z',
    '+',
    '€',
    '😀',
    'word',
    '::',
    '@',
    '<',
    '}',
  ),
  fc.string({ maxLength: 6 }).map((text) => text.replaceAll(/[\r\n]/g, '')),
)

/** One line of values and parts of values with anything between them. */
export const textOfSamples: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      filler,
      fc.constantFrom(...samples),
      fc
        .tuple(fc.constantFrom(...samples), fc.nat({ max: 60 }), fc.nat({ max: 60 }))
        .map(([sample, from, length]) => sample.slice(from % sample.length, (from % sample.length) + length)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join('').replaceAll('\0', ''))

export const memberNames: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'id',
    'name',
    'password',
    'client_secret',
    'apiKey',
    'api-key',
    'accessToken',
    'token_type',
    'SSN',
    'social security number',
    'phone',
    'mobileNumber',
    'fax',
    'SecretAccessKey',
    'aws_secret_access_key',
    'ada@example.com',
    'ü"\\/',
  ),
  fc.string({ maxLength: 8 }).map((text) => text.replaceAll('\0', '')),
)
