import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import type { Action, SqlStatement } from '@chaperone/core'
import { compilePolicy } from './compile-policy.ts'

const rule = (
  name: string,
  action: EgressRule['action'],
  extra: Omit<Partial<EgressRule>, 'to'> & { to?: Partial<EgressRule['to']> } = {},
): EgressRule => ({
  name,
  action,
  ...extra,
  to: { hosts: ['api.example'], protocol: 'HTTP', ...extra.to },
})

const policy = (tiers: EgressRule[][][], extra: Partial<EffectivePolicy> = {}): EffectivePolicy => ({
  session: { namespace: 'agents', name: 'devin', uid: 'u', agent: 'devin', owner: 'ada' },
  hash: 'h',
  suspended: false,
  unresolved: [],
  tiers: tiers.map((lists, tier) =>
    lists.map((rules, index) => ({ source: `${tier === 0 ? 'ClusterEgressPolicy' : 'EgressPolicy'}/${index}`, rules })),
  ),
  default: 'Deny',
  caBundle: '',
  maskingProfiles: [],
  audit: { level: 'Metadata', maxBodyBytes: '64Ki', onUnavailable: 'Block' },
  ...extra,
})

const get = (path: string, method = 'GET', headers: Record<string, string> = {}): Action => ({
  protocol: 'HTTP',
  target: { host: 'api.example', port: 443 },
  http: { method, scheme: 'https', path, query: '', headers },
})
const query = (...statements: Partial<SqlStatement>[]): Action => ({
  protocol: 'Postgres',
  target: { host: 'db.prod.svc', port: 5432 },
  sql: {
    system: 'postgresql',
    database: 'shop',
    user: 'agent',
    text: '',
    statements: statements.map((each) => ({ verbs: ['Select'], tables: [], functions: [], ...each })),
  },
})
const judge = (tiers: EgressRule[][][], action: Action, extra: Partial<EffectivePolicy> = {}) => {
  const verdict = compilePolicy(policy(tiers, extra)).evaluate(action, 0)
  return verdict.kind === 'deny' ? `deny ${verdict.reason}` : `${verdict.kind} ${verdict.rule.name}`
}

describe('evaluate', () => {
  test('nothing matched falls to the default', () => {
    expect(judge([[], []], get('/'))).toBe('deny NoRuleMatched')
    expect(judge([[], []], get('/'), { default: 'Allow' })).toBe('allow default')
    expect(judge([[], []], get('/'), { default: 'Approve' })).toBe('approve default')
  })

  test('the first match of a list decides for the list', () => {
    expect(judge([[], [[rule('a', 'Allow'), rule('b', 'Deny')]]], get('/'))).toBe('allow a')
    expect(judge([[], [[rule('b', 'Deny'), rule('a', 'Allow')]]], get('/'))).toBe('deny RuleDenied')
  })

  test('across lists Deny beats Approve beats Allow, in any order', () => {
    const [allow, approve, deny] = [[rule('a', 'Allow')], [rule('b', 'Approve')], [rule('c', 'Deny')]]
    expect(judge([[], [allow, approve]], get('/'))).toBe('approve b')
    expect(judge([[], [approve, allow]], get('/'))).toBe('approve b')
    expect(judge([[], [allow, deny, approve]], get('/'))).toBe('deny RuleDenied')
  })

  test("the cluster tier's Deny is final, its Approve can only be tightened, its Allow is a default", () => {
    expect(judge([[[rule('c', 'Deny')]], [[rule('a', 'Allow')]]], get('/'))).toBe('deny RuleDenied')
    expect(judge([[[rule('c', 'Approve')]], [[rule('a', 'Allow')]]], get('/'))).toBe('approve c')
    expect(judge([[[rule('c', 'Allow')]], [[rule('a', 'Approve')]]], get('/'))).toBe('approve a')
    expect(judge([[[rule('c', 'Allow')]], []], get('/'))).toBe('allow c')
  })

  test('suspended, ended and unresolved policies deny before any rule', () => {
    const tiers = [[], [[rule('a', 'Allow')]]]
    expect(judge(tiers, get('/'), { suspended: true })).toBe('deny Suspended')
    expect(judge(tiers, get('/'), { expiresAt: '1970-01-01T00:00:00Z' })).toBe('deny SessionEnded')
    expect(judge(tiers, get('/'), { unresolved: ['spec.policies[0]: …'] })).toBe('deny PolicyUnavailable')
  })

  test('method, path and port narrow a rule', () => {
    const tiers = [[], [[rule('a', 'Allow', { match: { http: { methods: ['GET'], paths: ['/v1/**'] } } })]]]
    expect(judge(tiers, get('/v1/x'))).toBe('allow a')
    expect(judge(tiers, get('/v2/x'))).toBe('deny NoRuleMatched')
    expect(judge(tiers, get('/v1/x', 'POST'))).toBe('deny NoRuleMatched')
    expect(judge(tiers, { ...get('/v1/x'), target: { host: 'api.example', port: 8443 } })).toBe('deny NoRuleMatched')
  })

  test('a method claimed by a header must be allowed too, and is denied when a Deny names it', () => {
    const override = { 'x-http-method-override': 'delete' }
    expect(
      judge([[], [[rule('a', 'Allow', { match: { http: { methods: ['POST'] } } })]]], get('/', 'POST', override)),
    ).toBe('deny NoRuleMatched')
    expect(
      judge(
        [[], [[rule('d', 'Deny', { match: { http: { methods: ['DELETE'] } } }), rule('a', 'Allow')]]],
        get('/', 'POST', override),
      ),
    ).toBe('deny RuleDenied')
  })

  test('Allow must cover every verb and table of a statement; Deny needs one', () => {
    const to = { hosts: ['db.prod.svc'], protocol: 'Postgres' as const }
    const tiers = [
      [],
      [
        [
          rule('d', 'Deny', { to, match: { sql: { tables: ['public.secrets'] } } }),
          rule('r', 'Allow', { to, match: { sql: { verbs: ['Select'], tables: ['public.*'] } } }),
        ],
      ],
    ]
    expect(judge(tiers, query({ tables: ['public.orders'] }))).toBe('allow r')
    expect(judge(tiers, query({ tables: ['public.orders', 'public.secrets'] }))).toBe('deny RuleDenied')
    expect(judge(tiers, query({ tables: ['hr.pay'] }))).toBe('deny NoRuleMatched')
    expect(judge(tiers, query({ verbs: ['Select', 'Delete'], tables: ['public.orders'] }))).toBe('deny NoRuleMatched')
    expect(judge(tiers, query({ tables: ['public.orders'] }, { verbs: ['Delete'] }))).toBe('deny NoRuleMatched')
    expect(judge(tiers, query())).toBe('allow empty')
  })

  test('masking adds up over every rule that lets the action pass', () => {
    const verdict = compilePolicy(
      policy([[[rule('c', 'Allow', { mask: ['a'] })]], [[rule('x', 'Allow', { mask: ['b', 'a'] })]]]),
    ).evaluate(get('/'), 0)
    expect(verdict).toMatchObject({ kind: 'allow', effects: { mask: ['a', 'b'] } })
  })

  test('a request is read whole only where a person may be asked', () => {
    const compiled = compilePolicy(
      policy([[], [[rule('p', 'Approve', { match: { http: { methods: ['POST'] } } }), rule('a', 'Allow')]]]),
    )
    const facet = (method: string) => ({ method, scheme: 'https', path: '/', query: '', headers: {} }) as const
    expect(compiled.readsBody({ host: 'api.example', port: 443 }, facet('POST'))).toBe(true)
    expect(compiled.readsBody({ host: 'api.example', port: 443 }, facet('GET'))).toBe(false)
  })

  test('a destination is named, left to the default, or refused', () => {
    const compiled = compilePolicy(
      policy([
        [],
        [[rule('a', 'Allow', { to: { hosts: ['*.example'] } }), rule('d', 'Deny', { to: { hosts: ['bad.test'] } })]],
      ]),
    )
    expect(compiled.destination('x.example', 443)).toEqual({ kind: 'named', protocols: ['HTTP'] })
    expect(compiled.destination('x.example', 22)).toEqual({ kind: 'refused' })
    expect(compiled.destination('example')).toEqual({ kind: 'refused' })
    expect(compiled.destination('bad.test')).toEqual({ kind: 'refused' })
  })

  test('one more Deny never lets anything pass that did not pass before', () => {
    const actions = fc.constantFrom<EgressRule['action']>('Allow', 'Approve', 'Deny')
    const host = fc.constantFrom('api.example', '*.example', '*', 'other.test')
    const lists = fc.array(
      fc.array(
        fc.tuple(actions, host).map(([action, pattern]) => rule('r', action, { to: { hosts: [pattern] } })),
        { maxLength: 4 },
      ),
      { maxLength: 3 },
    )
    const severity = { allow: 0, approve: 1, deny: 2 }
    fc.assert(
      fc.property(lists, lists, host, (cluster, session, pattern) => {
        const before = compilePolicy(policy([cluster, session], { default: 'Allow' })).evaluate(get('/'), 0).kind
        const after = compilePolicy(
          policy([cluster, [...session, [rule('extra', 'Deny', { to: { hosts: [pattern] } })]]], { default: 'Allow' }),
        ).evaluate(get('/'), 0).kind
        expect(severity[after]).toBeGreaterThanOrEqual(severity[before])
      }),
    )
  })

  test('explain names the first thing that did not match', () => {
    const { steps } = compilePolicy(
      policy([
        [],
        [
          [
            rule('h', 'Allow', { to: { hosts: ['x'] } }),
            rule('m', 'Allow', { match: { http: { methods: ['GET'] } } }),
            rule('y', 'Allow'),
          ],
        ],
      ]),
    ).explain(get('/', 'POST'), 0)
    expect(steps.map((step) => `${step.rule.name} ${step.matched ? 'matched' : (step.because ?? '')}`)).toEqual([
      'h host',
      'm method POST',
      'y matched',
    ])
  })
})
