import type { DetectorName } from '@chaperone/api'
import { findPattern, findPrefixed, type Detector } from './detector.ts'

const word = /[A-Za-z0-9_]/
const wordDash = /[A-Za-z0-9_-]/

/** Keys that their issuers made recognisable: literal prefix, alphabet, least length behind the prefix. */
const table: readonly {
  readonly name: DetectorName
  readonly label: string
  readonly prefixes: readonly string[]
  readonly body: RegExp
  readonly min: number
}[] = [
  {
    name: 'GitHubToken',
    label: 'github',
    prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    body: word,
    min: 20,
  },
  { name: 'GitLabToken', label: 'gitlab', prefixes: ['glpat-', 'gldt-', 'glrt-'], body: wordDash, min: 20 },
  {
    name: 'SlackToken',
    label: 'slack',
    prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xapp-'],
    body: wordDash,
    min: 10,
  },
  {
    name: 'StripeKey',
    label: 'stripe',
    prefixes: ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_', 'whsec_'],
    body: word,
    min: 16,
  },
  { name: 'AnthropicKey', label: 'anthropic', prefixes: ['sk-ant-'], body: wordDash, min: 20 },
  { name: 'OpenAiKey', label: 'openai', prefixes: ['sk-'], body: wordDash, min: 20 },
  { name: 'GoogleApiKey', label: 'google', prefixes: ['AIza'], body: wordDash, min: 35 },
  { name: 'NpmToken', label: 'npm', prefixes: ['npm_'], body: word, min: 36 },
  { name: 'PypiToken', label: 'pypi', prefixes: ['pypi-'], body: wordDash, min: 50 },
]

export const prefixedKeys: readonly Detector[] = table.map(({ name, label, prefixes, body, min }) => ({
  name,
  label,
  anchor: prefixes.join('|'),
  find: (text) => prefixes.flatMap((prefix) => findPrefixed(text, prefix, body, min)),
}))

/** Access key ids (AWS IAM identifiers) and, beside one, the 40-character secret. */
export const awsAccessKey: Detector = {
  name: 'AwsAccessKey',
  label: 'aws',
  anchor: 'AKIA|ASIA|[A-Za-z0-9/+]{40}',
  find(text) {
    const ids = ['AKIA', 'ASIA']
      .flatMap((prefix) => findPrefixed(text, prefix, /[A-Z0-9]/, 16))
      .filter((span) => span.end - span.start === 20)
    const secrets =
      /aws|secret/i.test(text) || ids.length > 0
        ? findPattern(
            text,
            /(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g,
            (match) => /[a-z]/.test(match) && /[A-Z]/.test(match) && /\d/.test(match),
          )
        : []
    return [...ids, ...secrets]
  },
}

/** Three base64url parts of which the first is a JSON header (RFC 7519). */
export const jsonWebToken: Detector = {
  name: 'JsonWebToken',
  label: 'jwt',
  anchor: 'eyJ',
  find: (text) =>
    text.includes('eyJ')
      ? findPattern(
          text,
          /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{0,4096}/g,
          () => true,
        )
      : [],
}
