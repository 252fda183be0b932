import type { DetectorName } from '@chaperone/api'
import { findPrefixed, type Detector } from './detector.ts'

const word = /[A-Za-z0-9_]/
const wordDash = /[A-Za-z0-9_-]/

/** Keys that their issuers made recognisable: literal prefixes, alphabet, least length behind the prefix. */
const table: readonly {
  readonly name: DetectorName
  readonly label: string
  readonly kinds: readonly { readonly prefixes: readonly string[]; readonly body: RegExp; readonly min: number }[]
}[] = [
  {
    name: 'GitHubToken',
    label: 'github',
    kinds: [{ prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'], body: word, min: 20 }],
  },
  {
    name: 'GitLabToken',
    label: 'gitlab',
    kinds: [{ prefixes: ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-'], body: wordDash, min: 20 }],
  },
  {
    name: 'SlackToken',
    label: 'slack',
    kinds: [{ prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xapp-'], body: wordDash, min: 10 }],
  },
  {
    name: 'StripeKey',
    label: 'stripe',
    kinds: [{ prefixes: ['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_', 'whsec_'], body: word, min: 16 }],
  },
  { name: 'AnthropicKey', label: 'anthropic', kinds: [{ prefixes: ['sk-ant-'], body: wordDash, min: 20 }] },
  { name: 'OpenAiKey', label: 'openai', kinds: [{ prefixes: ['sk-'], body: wordDash, min: 20 }] },
  {
    name: 'GoogleApiKey',
    label: 'google',
    kinds: [
      { prefixes: ['AIza'], body: wordDash, min: 35 },
      // Secrets of OAuth clients, and the access tokens that they and service accounts get.
      { prefixes: ['GOCSPX-'], body: wordDash, min: 28 },
      { prefixes: ['ya29.'], body: wordDash, min: 20 },
    ],
  },
  { name: 'NpmToken', label: 'npm', kinds: [{ prefixes: ['npm_'], body: word, min: 36 }] },
  { name: 'PypiToken', label: 'pypi', kinds: [{ prefixes: ['pypi-'], body: wordDash, min: 50 }] },
]

export const prefixedKeys: readonly Detector[] = table.map(({ name, label, kinds }) => ({
  name,
  label,
  anchors: kinds.flatMap(({ prefixes }) => prefixes.map((prefix) => prefix.replaceAll('.', String.raw`\.`))),
  find: (text) =>
    kinds
      .flatMap(({ prefixes, body, min }) => prefixes.flatMap((prefix) => findPrefixed(text, prefix, body, min)))
      .sort((a, b) => a.start - b.start),
}))
