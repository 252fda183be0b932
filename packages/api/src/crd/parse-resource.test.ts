import { describe, expect, test } from '@jest/globals'
import { agentSession, parseResource, type AgentSession } from '../index.ts'

const minimal = {
  apiVersion: 'chaperone.dev/v1alpha1',
  kind: 'AgentSession',
  metadata: { name: 'devin' },
  spec: { agent: { name: 'devin' } },
}
const withRule = (rule: object) => ({ ...minimal, spec: { ...minimal.spec, egress: { rules: [rule] } } })
const problemsOf = (input: unknown) => {
  const parsed = parseResource<AgentSession>(agentSession, input)
  return parsed.ok ? [] : parsed.problems.map((problem) => `${problem.field}: ${problem.message}`)
}

describe('parseResource', () => {
  test('a minimal session gets every default', () => {
    const parsed = parseResource<AgentSession>(agentSession, minimal)
    expect(parsed).toMatchObject({
      ok: true,
      resource: {
        spec: {
          serviceAccounts: ['default'],
          egress: { default: 'Deny', rules: [] },
          audit: { level: 'Metadata', onUnavailable: 'Block' },
          suspended: false,
        },
      },
    })
  })

  test('a rule gets its defaults', () => {
    const parsed = parseResource<AgentSession>(
      agentSession,
      withRule({ name: 'a', to: { hosts: ['a.example'] }, action: 'Approve', approval: {} }),
    )
    expect(parsed).toMatchObject({
      ok: true,
      resource: {
        spec: {
          egress: { rules: [{ to: { protocol: 'HTTP' }, approval: { hold: '90s', expires: '30m', grant: 'Once' } }] },
        },
      },
    })
  })

  test.each([
    ['an unknown field', { ...minimal, spec: { ...minimal.spec, egres: {} } }, 'spec.egres: unknown field'],
    ['a missing field', { ...minimal, spec: { agent: {} } }, 'spec.agent.name: required, but missing'],
    [
      'a bad enum',
      withRule({ name: 'a', to: { hosts: ['a.example'] }, action: 'Permit' }),
      'spec.egress.rules[0].action: must be one of Allow, Deny, Approve; given "Permit"',
    ],
    [
      'a bad host',
      withRule({ name: 'a', to: { hosts: ['http://a'] }, action: 'Allow' }),
      'spec.egress.rules[0].to.hosts[0]: expected a host such as api.example.com, *.example.com, * or an IP address; given "http://a"',
    ],
    [
      'a bad duration',
      withRule({ name: 'a', to: { hosts: ['a'] }, action: 'Approve', approval: { hold: '5 minutes' } }),
      'spec.egress.rules[0].approval.hold: expected a duration such as 90s, 30m, 8h; given "5 minutes"',
    ],
    [
      'a wrong version',
      { ...minimal, apiVersion: 'chaperone.dev/v1' },
      'apiVersion: expected chaperone.dev/v1alpha1; given "chaperone.dev/v1"',
    ],
    [
      'a CEL rule',
      withRule({ name: 'a', to: { hosts: ['a'] }, match: { sql: {} }, action: 'Allow' }),
      'spec.egress.rules[0].match.sql: match.sql needs to.protocol: Postgres',
    ],
    ['a wrong kind', { ...minimal, kind: 'Pod' }, 'kind: expected AgentSession; given "Pod"'],
  ])('%s is refused by a message that names the field', (_name, input, expected) => {
    expect(problemsOf(input)).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)])
  })

  test('an unknown detector is refused with the list of those that exist', () => {
    const problems = problemsOf({
      ...minimal,
      spec: { ...minimal.spec, masking: { profiles: [{ name: 'pii', detect: ['Emial'] }] } },
    })
    expect(problems).toEqual([
      expect.stringContaining('spec.masking.profiles[0].detect[0]: must be one of EmailAddress'),
    ])
  })
})
