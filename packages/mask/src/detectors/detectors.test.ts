import { describe, expect, test } from '@jest/globals'
import type { DetectorName } from '@chaperone/api'
import { detectorNames } from '@chaperone/api'
import { allDetectors, detectors } from './index.ts'

const found = (name: DetectorName, text: string) =>
  detectors
    .get(name)!
    .find(text)
    .map(({ start, end }) => text.slice(start, end))

const alnum = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ'

const positives: [DetectorName, string, string[]][] = [
  ['EmailAddress', 'write to ada@example.com.', ['ada@example.com']],
  ['EmailAddress', '<a.b+c@mail.example.co.uk>,x@y.io', ['a.b+c@mail.example.co.uk', 'x@y.io']],
  ['EmailAddress', '{"m":"jörg@müller.de"}', ['jörg@müller.de']],
  ['EmailAddress', 'to=ada@b.io&x=b+ada=c.io@lists.example', ['ada@b.io', 'b+ada=c.io@lists.example']],
  ['PhoneNumber', '(415-655-2671)', ['415-655-2671']],
  ['CreditCard', 'card 4111 1111 1111 1111 exp', ['4111 1111 1111 1111']],
  ['CreditCard', '"5555555555554444"', ['5555555555554444']],
  ['CreditCard', '3782-822463-10005', ['3782-822463-10005']],
  ['Iban', 'to DE89 3704 0044 0532 0130 00 today', ['DE89 3704 0044 0532 0130 00']],
  ['Iban', 'GB29NWBK60161331926819', ['GB29NWBK60161331926819']],
  ['UsSsn', 'ssn: 078-05-1120', ['078-05-1120']],
  ['UsSsn', 'SSN is 078051120', ['078051120']],
  ['CreditCard', 'order 1234 4111 1111 1111 1111 and 20260101', ['4111 1111 1111 1111']],
  ['CreditCard', '2026 5555555555554444', ['5555555555554444']],
  ['Iban', 'DE89370400440532013000 COBADEFFXXX', ['DE89370400440532013000']],
  ['IpAddress', '10.1.2.3:8080, 10.1.2.4. host:10.1.2.5', ['10.1.2.3', '10.1.2.4', '10.1.2.5']],
  ['IpAddress', '[2001:db8::1]:443 ::ffff:10.0.0.1', ['2001:db8::1', '::ffff:10.0.0.1']],
  ['MacAddress', 'eth0 3c:22:fb:12:9a:0e up, 3C-22-FB-12-9A-0F', ['3c:22:fb:12:9a:0e', '3C-22-FB-12-9A-0F']],
  ['AzureKey', `AccountName=a;AccountKey=${'Ab1+'.repeat(21)}Ab==;`, [`${'Ab1+'.repeat(21)}Ab==`]],
  ['AzureKey', `abc8Q~${alnum.slice(0, 34)}`, [`abc8Q~${alnum.slice(0, 34)}`]],
  ['AwsAccessKey', `aws_secret_access_key=${alnum.slice(6)}`, [alnum.slice(6)]],
  ['GoogleApiKey', `GOCSPX-${alnum.slice(0, 28)}`, [`GOCSPX-${alnum.slice(0, 28)}`]],
  ['Secret', 'token: Passw0rd', ['Passw0rd']],
  ['PhoneNumber', 'call +44 20 7946 0958', ['+44 20 7946 0958']],
  ['PhoneNumber', '(415) 555-2671'.replace('555', '655'), ['(415) 655-2671']],
  ['IpAddress', 'from 10.1.2.3 and 2001:db8::1', ['10.1.2.3', '2001:db8::1']],
  [
    'PrivateKey',
    'x -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- y',
    ['-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----'],
  ],
  ['PrivateKey', '-----BEGIN PRIVATE KEY-----\nMII', ['-----BEGIN PRIVATE KEY-----\nMII']],
  ['JsonWebToken', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln']],
  ['AwsAccessKey', 'AKIAIOSFODNN7EXAMPLE', ['AKIAIOSFODNN7EXAMPLE']],
  ['GitHubToken', `ghp_${alnum.slice(0, 36)}`, [`ghp_${alnum.slice(0, 36)}`]],
  ['GitLabToken', `glpat-${alnum.slice(0, 20)}`, [`glpat-${alnum.slice(0, 20)}`]],
  ['SlackToken', 'xoxb-123456789012-abcdef', ['xoxb-123456789012-abcdef']],
  ['StripeKey', `sk_live_${alnum.slice(0, 24)}`, [`sk_live_${alnum.slice(0, 24)}`]],
  ['OpenAiKey', `sk-proj-${alnum}`, [`sk-proj-${alnum}`]],
  ['AnthropicKey', `sk-ant-api03-${alnum}`, [`sk-ant-api03-${alnum}`]],
  ['GoogleApiKey', `AIza${alnum.slice(0, 35)}`, [`AIza${alnum.slice(0, 35)}`]],
  ['NpmToken', `npm_${alnum.slice(0, 36)}`, [`npm_${alnum.slice(0, 36)}`]],
  ['PypiToken', `pypi-${alnum}${alnum}`, [`pypi-${alnum}${alnum}`]],
  ['ConnectionString', 'postgres://app:s3cret@db/shop', ['s3cret']],
  ['Secret', 'password = "Tr0ub4dor-x7Q"', ['Tr0ub4dor-x7Q']],
  ['Secret', '"api_key":"9f8a7b6c5d4e3f2a"', ['9f8a7b6c5d4e3f2a']],
]

const nearMisses: [DetectorName, string][] = [
  ['EmailAddress', 'user@localhost'],
  ['EmailAddress', 'git@github'],
  ['EmailAddress', '@decorator and a @ b'],
  ['EmailAddress', 'x@1.2'],
  ['CreditCard', '4111 1111 1111 1112'],
  ['CreditCard', '0000000000000000'],
  ['CreditCard', '1234567890123456'],
  ['CreditCard', '1.4111111111111111'],
  ['Iban', 'DE89 3704 0044 0532 0130 01'],
  ['Iban', 'XX89370400440532013000'],
  ['UsSsn', '666-05-1120'],
  ['UsSsn', '078-00-1120'],
  ['UsSsn', '1078-05-1120'],
  ['UsSsn', '078051120'],
  ['AwsAccessKey', `sha1 ${alnum.slice(6)}`],
  ['MacAddress', '00:00:00:00:00:00 and FF:FF:FF:FF:FF:FF'],
  ['MacAddress', '550e8400-e29b-41d4-a716-446655440000'],
  ['IpAddress', 'std::vector and 10:30:00'],
  ['Secret', 'token: authentication'],
  ['Secret', 'token: 2026-01-15T10:30:00Z'],
  ['PhoneNumber', '20260101 123456'],
  ['IpAddress', 'version 1.2.3.4.5'],
  ['IpAddress', '999.1.1.1'],
  ['PrivateKey', '-----BEGIN PUBLIC KEY-----'],
  ['JsonWebToken', 'eyJ'],
  ['AwsAccessKey', 'AKIAIOSFODNN7EXAMPL'],
  ['GitHubToken', 'ghp_short'],
  ['OpenAiKey', 'task-force-of-twenty-people'],
  ['ConnectionString', 'https://example.com:8080/a@b'],
  ['Secret', 'password: required'],
  ['Secret', 'token: tok_secret_abcdefabcdef'],
]

describe('detectors', () => {
  test.each(positives)('%s finds its own in %j', (name, text, expected) => {
    expect(found(name, text)).toEqual(expected)
  })

  test.each(nearMisses)('%s leaves %j alone', (name, text) => {
    expect(found(name, text)).toEqual([])
  })

  test('every name of the resource has a detector, and each has a case that it finds', () => {
    expect([...detectors.keys()].sort()).toEqual([...detectorNames].sort())
    expect(new Set(positives.map(([name]) => name))).toEqual(new Set(detectorNames))
  })

  test.each([
    'a',
    '1 ',
    '1',
    '@',
    'a@',
    'a.',
    '://',
    '://a:b',
    'eyJ',
    'eyJaaaaaaaa.',
    'password=',
    'ssn',
    'aws',
    'A1',
    'DE89',
    'sk-',
    '1:',
    ':::',
    '1.',
    '+1-',
    '-----BEGIN PRIVATE KEY-----',
    '4111-1111 ',
  ])('the work for %j over and over grows with its length, not with the square of it', (piece) => {
    const work = (length: number): number => {
      const text = piece.repeat(length / piece.length)
      let least = Infinity
      for (let round = 0; round < 3; round++) {
        const before = process.cpuUsage()
        for (const detector of allDetectors) detector.find(text)
        const { user, system } = process.cpuUsage(before)
        least = Math.min(least, user + system)
      }
      return least
    }
    work(4_000)
    const [some, more] = [work(16_000), work(16 * 16_000)]
    // Sixteen times in proportion, 256 times for the square; the sum takes out what a clock cannot tell.
    expect(more).toBeLessThan(80 * (some + 500))
  })
})
