import type { DetectorName } from '../../packages/api/src/index.ts'

/** A text in which `value` is what `detector` should find; without a value, one in which it should find nothing. */
export interface Sample {
  readonly detector: DetectorName
  readonly text: string
  readonly value?: string
}

/** Samples for each detector and side. */
const each = 200

/** The same numbers in every run (mulberry32). */
let seed = 20260101
function random(below: number): number {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
}
const pick = <T>(choices: readonly T[]): T => choices[random(choices.length)] as T
const from = (alphabet: string, length: number): string =>
  Array.from({ length }, () => alphabet.charAt(random(alphabet.length))).join('')

const digits = '0123456789'
const hex = '0123456789abcdef'
const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const lower = upper.toLowerCase()
const alnum = upper + lower + digits
const word = (): string =>
  pick(['ship', 'order', 'meeting', 'red', 'notes', 'item', 'please', 'status', 'warehouse', 'later'])
const name = (): string => pick(['ada', 'grace', 'linus', 'mei', 'o.garcia', 'j-smith', 'anna_k', 'tom+news'])

const grouped = (text: string, sizes: readonly number[], separator: string): string => {
  let at = 0
  return sizes.map((size) => text.slice(at, (at += size))).join(separator)
}

function luhn(prefix: string, length: number): string {
  const body = prefix + from(digits, length - prefix.length - 1)
  const sum = Array.from(body)
    .reverse()
    .reduce((total, digit, index) => {
      const value = Number(digit) * (index % 2 === 0 ? 2 : 1)
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return body + String((10 - (sum % 10)) % 10)
}

function card(): string {
  const [prefix, length, sizes] = pick([
    ['4', 16, [4, 4, 4, 4]],
    ['53', 16, [4, 4, 4, 4]],
    ['37', 15, [4, 6, 5]],
    ['6011', 16, [4, 4, 4, 4]],
  ] as const)
  const number = luhn(prefix, length)
  return pick([number, grouped(number, sizes, ' '), grouped(number, sizes, '-')])
}

function iban(): string {
  const [country, body] = pick([
    ['DE', from(digits, 18)],
    ['GB', from(upper, 4) + from(digits, 14)],
    ['NL', from(upper, 4) + from(digits, 10)],
    ['FR', from(digits, 10) + from(digits + upper, 11) + from(digits, 2)],
  ] as const)
  const numeric = Array.from(`${body}${country}00`, (character) => Number.parseInt(character, 36)).join('')
  const compact = `${country}${String(98n - (BigInt(numeric) % 97n)).padStart(2, '0')}${body}`
  return pick([compact, compact.replaceAll(/(.{4})(?=.)/g, '$1 ')])
}

const area = (): string => String(100 + random(560)).padStart(3, '0')
const ssn = (): string => `${area()}-${1 + random(9)}${random(10)}-${1 + random(9)}${from(digits, 3)}`
const phone = (): string =>
  pick([
    `+44 20 7946 0${from(digits, 3)}`,
    `+49 30 ${from(digits, 8)}`,
    `+1 (${2 + random(8)}${from(digits, 2)}) ${2 + random(8)}${from(digits, 2)}-${from(digits, 4)}`,
    `(${2 + random(8)}${from(digits, 2)}) ${2 + random(8)}${from(digits, 2)}-${from(digits, 4)}`,
    `${2 + random(8)}${from(digits, 2)}-${2 + random(8)}${from(digits, 2)}-${from(digits, 4)}`,
    // What only a local reader knows for one.
    `030 ${from(digits, 8)}`,
  ])
const octet = (): number => random(256)
const base64 = alnum + '+/'
const password = (): string => pick(['Tr0ub4dor-', 'hunter22', 'S3same!', 'correcthorse']) + from(alnum, random(8))

const uuid = (): string => grouped(from(hex, 32), [8, 4, 4, 4, 12], '-')
/** What looks like something to somebody: the usual false alarms. */
const lookalikes: readonly (() => string)[] = [
  uuid,
  () => from(hex, 40),
  () => from(hex, 64),
  () => `2026-0${1 + random(9)}-1${random(10)}T10:${10 + random(49)}:${10 + random(49)}Z`,
  () => String(1_700_000_000_000 + random(1e9)),
  () => from(digits, 16),
  () => grouped(from(digits, 16), [4, 4, 4, 4], ' '),
  () => `v${random(9)}.${random(20)}.${random(30)}-rc.1`,
  () => `${random(9)}.${random(20)}.${random(9)}.${random(40)}.${random(9)}`,
  () => `@${name()} mentioned ${word()}@latest`,
  () => `git@localhost:${word()}.git`,
  () => `${from(upper, 2)}${from(digits, 12)}`,
  () => `ISBN 978-${random(10)}-${from(digits, 4)}-${from(digits, 4)}-${random(10)}`,
  () => `std::${word()}::${word()}()`,
  () => `https://example.com:8443/${word()}@${random(9)}.${random(9)}.0/x`,
  () => `token: ${pick(['required', 'authentication', 'unauthorized', 'null', 'expired'])}`,
  () => `"token_type":"${pick(['Bearer', 'access', 'urn:ietf:params:oauth'])}"`,
  () => `max_tokens: ${random(100_000)}`,
  () => `task-${word()}-of-${word()}-and-${word()}-today`,
  () => `npm_config_${word()}=1`,
  () => `eyJ${word()}`,
  () => `part no. ${from(digits, 3)}-${from(digits, 2)}-${from(digits, 4)}`,
  () => `ext. ${from(digits, 3)}.${from(digits, 3)}`,
  () => '-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----',
  () => `${random(1e6)} ${random(1e6)} ${random(1e6)} ${random(1e6)}`,
]

const values: Readonly<Record<DetectorName, () => string>> = {
  EmailAddress: () => `${name()}${random(99)}@${pick(['example.com', 'mail.example.co.uk', 'müller.example', 'x.io'])}`,
  PhoneNumber: phone,
  CreditCard: card,
  Iban: iban,
  UsSsn: ssn,
  IpAddress: () =>
    pick([
      `${1 + random(223)}.${octet()}.${octet()}.${octet()}`,
      `2001:db8:${from(hex, 4)}::${from(hex, 3)}`,
      `fe80::${from(hex, 4)}:${from(hex, 4)}:${from(hex, 4)}:${from(digits, 4)}`,
    ]),
  MacAddress: () => grouped(from(hex, 11) + '7', [2, 2, 2, 2, 2, 2], pick([':', '-'])),
  PrivateKey: () => {
    const kind = pick(['', 'RSA ', 'EC ', 'OPENSSH ', 'ENCRYPTED '])
    return `-----BEGIN ${kind}PRIVATE KEY-----\n${from(base64, 64)}\n${from(base64, 64)}\n-----END ${kind}PRIVATE KEY-----`
  },
  JsonWebToken: () =>
    `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}.${from(alnum, 40)}.${from(alnum, 43)}`,
  AwsAccessKey: () => `${pick(['AKIA', 'ASIA'])}${from(upper + '234567', 16)}`,
  AzureKey: () => `${from(alnum, 3)}8Q~${from(alnum, 34)}`,
  GitHubToken: () => pick([`ghp_${from(alnum, 36)}`, `github_pat_${from(alnum, 22)}_${from(alnum, 59)}`]),
  GitLabToken: () => `glpat-${from(alnum, 20)}`,
  SlackToken: () => `xoxb-${from(digits, 12)}-${from(digits, 12)}-${from(alnum, 24)}`,
  StripeKey: () => `${pick(['sk_live_', 'rk_live_', 'sk_test_'])}${from(alnum, 24)}`,
  OpenAiKey: () => pick([`sk-${from(alnum, 48)}`, `sk-proj-${from(alnum, 64)}`]),
  AnthropicKey: () => `sk-ant-api03-${from(alnum, 93)}AA`,
  GoogleApiKey: () => pick([`AIza${from(alnum, 35)}`, `GOCSPX-${from(alnum, 28)}`]),
  NpmToken: () => `npm_${from(alnum, 36)}`,
  PypiToken: () => `pypi-${from(alnum, 120)}`,
  ConnectionString: () => from(alnum, 12),
  Secret: password,
}

function context(detector: DetectorName, value: string): string {
  if (detector === 'ConnectionString')
    return `${pick(['postgres', 'mongodb+srv', 'amqp', 'https'])}://app:${value}@db/x`
  if (detector === 'Secret')
    return pick([
      `password=${value}`,
      `api_key: ${value}`,
      `"client_secret": "${value}"`,
      `Authorization: Bearer ${value}`,
    ])
  return pick([
    `${word()} ${value}`,
    `${word()}: ${value}, ${word()}`,
    `"${value}"`,
    `${word()} (${value}).`,
    `${value} ${random(9999)} ${word()}`,
    `id ${random(9999)} ${value}`,
    `<td>${value}</td>`,
    `x=${value}&y=1`,
  ])
}

export function labelledSamples(): Sample[] {
  return (Object.keys(values) as DetectorName[]).flatMap((detector) => [
    ...Array.from({ length: each }, (): Sample => {
      const value = values[detector]()
      return { detector, value, text: context(detector, value) }
    }),
    ...Array.from({ length: each }, (_, index): Sample => {
      const lookalike = lookalikes[index % lookalikes.length] ?? uuid
      return { detector, text: `${word()} ${lookalike()} ${word()}` }
    }),
  ])
}
