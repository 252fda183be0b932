import { describe, expect, test } from '@jest/globals'
import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import type { Action } from '@chaperone/core'
import { compilePolicy } from './compile-policy.ts'
import { policyFixture, queryFixture, requestFixture, ruleFixture as rule } from './policy-fixture.ts'

const get = requestFixture
const query = queryFixture
type Tiers = readonly (readonly (readonly EgressRule[])[])[]

const verdictOf = (tiers: Tiers, action: Action, extra: Partial<EffectivePolicy> = {}) =>
  compilePolicy(policyFixture(tiers, extra)).evaluate(action, 0)
const judge = (tiers: Tiers, action: Action, extra: Partial<EffectivePolicy> = {}) => {
  const verdict = verdictOf(tiers, action, extra)
  return verdict.kind === 'deny' ? `deny ${verdict.reason}` : `${verdict.kind} ${verdict.rule.name}`
}

describe('precedence', () => {
  const [allow, approve, deny] = [[rule('a', 'Allow')], [rule('p', 'Approve')], [rule('d', 'Deny')]] as const

  test('the first match of a list decides for the list', () => {
    expect(judge([[], [[...allow, ...deny]]], get('/'))).toBe('allow a')
    expect(judge([[], [[...deny, ...allow]]], get('/'))).toBe('deny RuleDenied')
  })

  test('across the lists of a tier Deny beats Approve beats Allow', () => {
    expect(judge([[], [allow, approve]], get('/'))).toBe('approve p')
    expect(judge([[], [approve, allow]], get('/'))).toBe('approve p')
    expect(judge([[], [allow, deny, approve]], get('/'))).toBe('deny RuleDenied')
  })

  test('of equal rules the first list counts', () => {
    const other = [rule('b', 'Allow')]
    expect(judge([[], [allow, other]], get('/'))).toBe('allow a')
    expect(judge([[], [other, allow]], get('/'))).toBe('allow b')
  })

  const none: EgressRule[] = []
  const [a, p, d] = [[rule('session', 'Allow')], [rule('session', 'Approve')], [rule('session', 'Deny')]]
  const cluster = {
    none,
    Allow: [rule('cluster', 'Allow')],
    Approve: [rule('cluster', 'Approve')],
    Deny: [rule('cluster', 'Deny')],
  }
  const session = { none, Allow: a, Approve: p, Deny: d }
  test.each([
    // A cluster Deny is final.
    ['Deny', 'none', 'deny RuleDenied'],
    ['Deny', 'Allow', 'deny RuleDenied'],
    ['Deny', 'Approve', 'deny RuleDenied'],
    ['Deny', 'Deny', 'deny RuleDenied'],
    // A cluster Approve means at least Approve.
    ['Approve', 'none', 'approve cluster'],
    ['Approve', 'Allow', 'approve cluster'],
    ['Approve', 'Approve', 'approve cluster'],
    ['Approve', 'Deny', 'deny RuleDenied'],
    // A cluster Allow is a default that the session tier may tighten.
    ['Allow', 'none', 'allow cluster'],
    ['Allow', 'Allow', 'allow session'],
    ['Allow', 'Approve', 'approve session'],
    ['Allow', 'Deny', 'deny RuleDenied'],
    ['none', 'none', 'deny NoRuleMatched'],
    ['none', 'Allow', 'allow session'],
    ['none', 'Approve', 'approve session'],
    ['none', 'Deny', 'deny RuleDenied'],
  ] as const)('cluster %s and session %s: %s', (above, below, expected) => {
    expect(judge([[cluster[above]], [session[below]]], get('/'))).toBe(expected)
  })

  test('nothing matched falls to the default, under the name of the session', () => {
    expect(judge([[], []], get('/'), { default: 'Allow' })).toBe('allow default')
    expect(judge([[], []], get('/'), { default: 'Approve' })).toBe('approve default')
    expect(verdictOf([[], []], get('/'), { default: 'Allow' })).toMatchObject({
      rule: { source: 'AgentSession/devin', name: 'default' },
    })
  })

  test('suspended, ended and incomplete policies deny before any rule and before the default', () => {
    const closed = (extra: Partial<EffectivePolicy>) =>
      verdictOf([[], [allow]], get('/'), { default: 'Allow', ...extra })
    expect(closed({ suspended: true })).toMatchObject({ reason: 'Suspended' })
    expect(closed({ expiresAt: '1970-01-01T00:00:00Z' })).toMatchObject({ reason: 'SessionEnded' })
    expect(closed({ expiresAt: '1970-01-01T00:00:01Z' }).kind).toBe('allow')
    expect(closed({ unresolved: ['spec.policies[0]: EgressPolicy "x" not found'] })).toEqual({
      kind: 'deny',
      reason: 'PolicyUnavailable',
      message: 'the policy is incomplete: spec.policies[0]: EgressPolicy "x" not found',
    })
    expect(closed({ expiresAt: 'soon' })).toMatchObject({ reason: 'PolicyUnavailable' })
    expect(closed({ tiers: [] })).toMatchObject({ reason: 'PolicyUnavailable' })
  })

  test('a denial tells the reason of the rule, or else its name', () => {
    expect(verdictOf([[], [[rule('d', 'Deny', { reason: 'Refunds are for people.' })]]], get('/'))).toMatchObject({
      rule: { source: 'EgressPolicy/0', name: 'd' },
      message: 'Refunds are for people.',
    })
    expect(verdictOf([[], [deny]], get('/'))).toMatchObject({ message: 'rule EgressPolicy/0#d denies this' })
    expect(verdictOf([[], []], query({ verbs: ['Delete'] }))).toMatchObject({
      message: 'no rule of AgentSession "devin" allows Delete at db.prod.svc:5432',
    })
  })
})

describe('destinations', () => {
  const at = (host: string, port: number): Action => ({ ...get('/'), target: { host, port } })

  test('a rule that allows opens the usual ports of its protocol', () => {
    const tiers: Tiers = [[], [[rule('a', 'Allow')]]]
    expect(judge(tiers, at('api.example', 443))).toBe('allow a')
    expect(judge(tiers, at('api.example', 80))).toBe('allow a')
    expect(judge(tiers, at('api.example', 8443))).toBe('deny NoRuleMatched')
  })

  test('a rule that restricts holds at every port unless it names some', () => {
    const open = [rule('a', 'Allow', { to: { ports: [443, 8443] } })]
    expect(judge([[[rule('d', 'Deny')]], [open]], at('api.example', 8443))).toBe('deny RuleDenied')
    expect(judge([[[rule('p', 'Approve')]], [open]], at('api.example', 8443))).toBe('approve p')
    expect(judge([[[rule('d', 'Deny', { to: { ports: [443] } })]], [open]], at('api.example', 8443))).toBe('allow a')
  })

  test('hosts are compared in one spelling, and what only resembles an address is not judged', () => {
    const tiers: Tiers = [[[rule('d', 'Deny', { to: { hosts: ['10.0.0.5', '2001:db8::1'] } })]], []]
    const allowing = { default: 'Allow' } as const
    expect(judge(tiers, at('::ffff:10.0.0.5', 443), allowing)).toBe('deny RuleDenied')
    expect(judge(tiers, at('2001:DB8:0::1', 443), allowing)).toBe('deny RuleDenied')
    expect(judge(tiers, at('10.5', 443), allowing)).toBe('deny Unparseable')
    expect(judge(tiers, at('10.0.0.6', 443), allowing)).toBe('allow default')
  })

  test('a rule of one protocol says nothing about another', () => {
    const tiers: Tiers = [[], [[rule('a', 'Allow', { to: { hosts: ['*'], ports: [5432] } })]]]
    expect(judge(tiers, query({}))).toBe('deny NoRuleMatched')
  })

  test('a destination is named, left to the default, or refused', () => {
    const tiers: Tiers = [
      [],
      [[rule('a', 'Allow', { to: { hosts: ['*.example'] } }), rule('d', 'Deny', { to: { hosts: ['bad.test'] } })]],
    ]
    const compiled = compilePolicy(policyFixture(tiers))
    expect(compiled.destination('x.example', 443)).toEqual({ kind: 'named', protocols: ['HTTP'] })
    expect(compiled.destination('X.Example.')).toEqual({ kind: 'named', protocols: ['HTTP'] })
    expect(compiled.destination('x.example', 22)).toEqual({ kind: 'refused' })
    expect(compiled.destination('example')).toEqual({ kind: 'refused' })
    expect(compiled.destination('bad.test')).toEqual({ kind: 'refused' })
    const open = compilePolicy(policyFixture(tiers, { default: 'Approve' }))
    expect(open.destination('example', 22)).toEqual({ kind: 'default' })
    expect(open.destination('10.5', 22)).toEqual({ kind: 'refused' })
  })

  test('where a Deny comes first whatever the action, a destination is refused', () => {
    const everything = { hosts: ['*'] }
    const standing = (cluster: EgressRule[], own: EgressRule[], port?: number) =>
      compilePolicy(policyFixture([[cluster], [own]], { default: 'Allow' })).destination('api.example', port).kind
    const allow = rule('a', 'Allow')
    expect(standing([rule('d', 'Deny', { to: everything })], [allow])).toBe('default')
    const databases = rule('e', 'Deny', { to: { ...everything, protocol: 'Postgres' } })
    expect(standing([rule('d', 'Deny', { to: everything }), databases], [allow], 443)).toBe('refused')
    expect(standing([rule('x', 'Allow'), rule('d', 'Deny')], [allow], 443)).toBe('named')
    expect(standing([rule('d', 'Deny', { match: { http: { methods: ['PUT'] } } })], [allow], 443)).toBe('named')
    expect(standing([rule('d', 'Deny', { to: { ports: [80] } })], [allow])).toBe('named')
    expect(standing([rule('d', 'Deny', { to: { ports: [80] } }), databases], [allow], 80)).toBe('refused')
  })
})

describe('requests', () => {
  test('method and path narrow a rule', () => {
    const tiers: Tiers = [[], [[rule('a', 'Allow', { match: { http: { methods: ['GET'], paths: ['/v1/**'] } } })]]]
    expect(judge(tiers, get('/v1/x'))).toBe('allow a')
    expect(judge(tiers, get('/v2/x'))).toBe('deny NoRuleMatched')
    expect(judge(tiers, get('/v1/x', 'POST'))).toBe('deny NoRuleMatched')
    expect(judge(tiers, get('/v1/x', 'get'))).toBe('deny NoRuleMatched')
  })

  test('a method claimed by a header is judged as well, and the stricter verdict counts', () => {
    const override = { 'x-http-method-override': 'delete' }
    const methods = (name: string, action: EgressRule['action'], ...of: string[]) =>
      rule(name, action, { match: { http: { methods: of } } })
    const post = get('/', 'POST', override)
    expect(judge([[], [[methods('a', 'Allow', 'POST')]]], post)).toBe('deny NoRuleMatched')
    expect(judge([[], [[methods('a', 'Allow', 'POST', 'DELETE')]]], post)).toBe('allow a')
    expect(judge([[], [[methods('d', 'Deny', 'DELETE'), rule('a', 'Allow')]]], post)).toBe('deny RuleDenied')
    expect(judge([[], [[methods('p', 'Approve', 'DELETE'), rule('a', 'Allow')]]], post)).toBe('approve p')
    expect(judge([[], [[rule('a', 'Allow')]]], get('/', 'POST', { 'x-http-method': 'A,B,C,D,E' }))).toBe(
      'deny Unparseable',
    )
  })

  test('another spelling of a path does not slip past a rule that restricts', () => {
    const tiers: Tiers = [
      [],
      [[rule('d', 'Deny', { match: { http: { methods: ['POST'], paths: ['/v1/refunds'] } } }), rule('a', 'Allow')]],
    ]
    for (const path of ['/v1/refunds', '/v1/refunds/', '/v1/Refunds', '/v1%2Frefunds', '/v1/refunds;x=1'])
      expect(judge(tiers, get(path, 'POST'))).toBe('deny RuleDenied')
    expect(judge(tiers, get('/v1/refunds', 'post'))).toBe('deny RuleDenied')
    expect(judge(tiers, get('/v1/refunds/7', 'POST'))).toBe('allow a')
  })

  test('a path that was not normalised is not judged', () => {
    for (const path of ['*', '', '/a/../b', '/a//b', '/a?b', '/%61'])
      expect(judge([[], [[rule('a', 'Allow')]]], get(path))).toBe('deny Unparseable')
  })

  test('a request is read whole only where a person may be asked', () => {
    const compiled = compilePolicy(
      policyFixture([[], [[rule('p', 'Approve', { match: { http: { methods: ['POST'] } } }), rule('a', 'Allow')]]]),
    )
    const facet = (method: string) => ({ method, scheme: 'https', path: '/', query: '', headers: {} }) as const
    const target = { host: 'api.example', port: 443 }
    expect(compiled.readsBody(target, facet('POST'))).toBe(true)
    expect(compiled.readsBody(target, facet('GET'))).toBe(false)
    expect(compiled.readsBody(target, { ...facet('GET'), headers: { 'x-http-method': 'POST' } })).toBe(true)
  })
})

describe('queries', () => {
  const to = { hosts: ['db.prod.svc'], protocol: 'Postgres' as const }
  const tiers: Tiers = [
    [],
    [
      [
        rule('d', 'Deny', { to, match: { sql: { tables: ['public.secrets'] } } }),
        rule('p', 'Approve', { to, match: { sql: { verbs: ['Insert', 'Update', 'Delete'] } } }),
        rule('m', 'Allow', { to, mask: ['pii'], match: { sql: { verbs: ['Select'], tables: ['public.people'] } } }),
        rule('r', 'Allow', { to, match: { sql: { verbs: ['Select'], tables: ['public.*'] } } }),
      ],
    ],
  ]

  test('Allow must cover every verb and table of a statement; Deny and Approve need one', () => {
    expect(judge(tiers, query({ tables: ['public.orders'] }))).toBe('allow r')
    expect(judge(tiers, query({ tables: ['public.orders', 'public.secrets'] }))).toBe('deny RuleDenied')
    expect(judge(tiers, query({ tables: ['hr.pay'] }))).toBe('deny NoRuleMatched')
    expect(judge(tiers, query({ tables: ['hr.pay', 'public.orders'] }))).toBe('deny NoRuleMatched')
    expect(judge(tiers, query({ verbs: ['Select', 'Delete'], tables: ['public.orders'] }))).toBe('approve p')
    expect(judge(tiers, query({ verbs: ['Transaction'] }))).toBe('deny NoRuleMatched')
  })

  test('each statement is judged and the strictest verdict counts', () => {
    const orders = { tables: ['public.orders'] }
    const write = { verbs: ['Delete'], tables: ['public.orders'] } as const
    expect(judge(tiers, query(orders, write))).toBe('approve p')
    expect(judge(tiers, query(write, orders))).toBe('approve p')
    expect(judge(tiers, query(orders, write, { tables: ['public.secrets'] }))).toBe('deny RuleDenied')
  })

  test('the masks of all statements apply', () => {
    const orders = { tables: ['public.orders'] }
    const people = { tables: ['public.people'] }
    for (const action of [query(orders, people), query(people, orders)])
      expect(verdictOf(tiers, action)).toMatchObject({ kind: 'allow', effects: { mask: ['pii'] } })
    expect(verdictOf(tiers, query(people, { verbs: ['Delete'] }))).toMatchObject({ effects: { mask: ['pii'] } })
  })

  test('an empty query passes where a statement could', () => {
    expect(judge(tiers, query())).toBe('allow empty')
    expect(judge([[], []], query())).toBe('deny NoRuleMatched')
    expect(judge([[], []], query(), { default: 'Approve' })).toBe('allow empty')
    expect(judge([[[rule('d', 'Deny', { to })]], tiers[1] ?? []], query())).toBe('deny RuleDenied')
  })

  test('a connection logs in with the credential of the first rule that has one', () => {
    const credential = { secretRef: { name: 'db', key: 'password' }, as: 'PostgresPassword' } as const
    const lists = [
      [[rule('c', 'Approve', { to: { ...to, hosts: ['*'] } })]],
      [
        [
          rule('r', 'Allow', { to: { ...to, cidrs: ['10.0.0.0/8'] } }),
          rule('w', 'Allow', { to: { ...to, cidrs: ['10.0.0.0/8', '172.16.0.0/12'] }, credential }),
          rule('h', 'Deny', { to: { ...to, hosts: ['old.svc'] } }),
        ],
      ],
    ]
    const loginAt = (host: string) => verdictOf(lists, { ...query(), target: { host, port: 5432 } })
    const own = { mask: [], auditLevel: 'Metadata' }
    expect(loginAt('DB.prod.svc')).toMatchObject({
      kind: 'allow',
      effects: { ...own, credential, cidrs: ['10.0.0.0/8', '172.16.0.0/12'] },
    })
    expect(loginAt('old.svc')).toMatchObject({ kind: 'deny', reason: 'RuleDenied' })
    expect(loginAt('any.svc')).toHaveProperty('effects', own)
  })

  test('the SQL parser is needed when a rule or the default may let SQL pass', () => {
    const needs = (rules: EgressRule[], extra: Partial<EffectivePolicy> = {}) =>
      compilePolicy(policyFixture([[], [rules]], extra)).needsSqlParser
    expect(needs([rule('a', 'Allow')])).toBe(false)
    expect(needs([rule('a', 'Allow', { to })])).toBe(true)
    expect(needs([], { default: 'Allow' })).toBe(true)
  })
})

describe('effects', () => {
  test('masking adds up over every rule that matched, in list order and without repeats', () => {
    const verdict = verdictOf(
      [
        [[rule('c', 'Approve', { mask: ['a'] })]],
        [
          [rule('x', 'Allow', { mask: ['b', 'a'] })],
          [rule('y', 'Allow', { mask: ['c'] }), rule('z', 'Allow', { mask: ['no'] })],
        ],
      ],
      get('/'),
    )
    expect(verdict).toMatchObject({ kind: 'approve', rule: { name: 'c' }, effects: { mask: ['a', 'b', 'c'] } })
  })

  test('the other effects are those of the winner, or else of the first match that has them', () => {
    const credential = { secretRef: { name: 's', key: 'k' }, as: 'BearerToken' } as const
    const other = { secretRef: { name: 't', key: 'k' }, as: 'BearerToken' } as const
    const [plain, first, second] = [
      [rule('plain', 'Allow')],
      [rule('first', 'Allow', { credential, to: { cidrs: ['10.0.0.0/8'] } })],
      [rule('second', 'Allow', { credential: other })],
    ]
    expect(verdictOf([[], [second, first]], get('/'))).toMatchObject({
      rule: { name: 'second' },
      effects: { credential: other, cidrs: ['10.0.0.0/8'] },
    })
    expect(verdictOf([[], [plain, first, second]], get('/'))).toMatchObject({
      rule: { name: 'plain' },
      effects: { credential },
    })
    expect(verdictOf([[], [plain]], get('/'))).toEqual({
      kind: 'allow',
      rule: { source: 'EgressPolicy/0', name: 'plain' },
      effects: { mask: [], auditLevel: 'Metadata' },
    })
  })

  test('of the audit levels of matching rules the fullest counts, and else that of the session', () => {
    const level = (name: 'None' | 'Request' | 'RequestResponse') => [
      rule(name.toLowerCase(), 'Allow', { audit: { level: name } }),
    ]
    const of = (...lists: EgressRule[][]) => verdictOf([[], lists], get('/'))
    expect(of(level('None'))).toMatchObject({ effects: { auditLevel: 'None' } })
    expect(of(level('None'), level('RequestResponse'), level('Request'))).toMatchObject({
      effects: { auditLevel: 'RequestResponse' },
    })
    expect(of([rule('a', 'Allow')])).toMatchObject({ effects: { auditLevel: 'Metadata' } })
  })

  test('an approval has the terms of its rule', () => {
    const approval = { hold: '10s', expires: '5m', grant: 'Session' } as const
    expect(verdictOf([[], [[rule('p', 'Approve', { approval, reason: 'Costs money.' })]]], get('/'))).toMatchObject({
      terms: { holdMs: 10_000, expiresMs: 300_000, grant: 'Session', reason: 'Costs money.' },
    })
    expect(verdictOf([[], [[rule('p', 'Approve')]]], get('/'))).toMatchObject({
      terms: { holdMs: 90_000, expiresMs: 1_800_000, grant: 'Once' },
    })
  })
})

describe('explain', () => {
  test('names for every rule, in order of judgement, the first thing that did not match', () => {
    const { verdict, steps } = compilePolicy(
      policyFixture([
        [[rule('c', 'Approve', { match: { http: { paths: ['/admin/**'] } } })]],
        [
          [
            rule('h', 'Allow', { to: { hosts: ['x'] } }),
            rule('s', 'Allow', { to: { ports: [8443] } }),
            rule('q', 'Allow', { to: { protocol: 'Postgres', ports: [443] } }),
            rule('m', 'Allow', { match: { http: { methods: ['GET'] } } }),
            rule('y', 'Allow'),
          ],
        ],
      ]),
    ).explain(get('/', 'POST'), 0)
    expect(verdict).toMatchObject({ kind: 'allow', rule: { name: 'y' } })
    expect(
      steps.map(
        (step) => `${step.tier} ${step.rule.source}#${step.rule.name} ${step.action} ${step.because ?? 'matched'}`,
      ),
    ).toEqual([
      'cluster ClusterEgressPolicy/0#c Approve path',
      'session EgressPolicy/0#h Allow host',
      'session EgressPolicy/0#s Allow port',
      'session EgressPolicy/0#q Allow protocol',
      'session EgressPolicy/0#m Allow method POST',
      'session EgressPolicy/0#y Allow matched',
    ])
  })

  test('a rule matches a query when it matches one of its statements', () => {
    const to = { hosts: ['db.prod.svc'], protocol: 'Postgres' as const }
    const { steps } = compilePolicy(
      policyFixture([
        [],
        [
          [
            rule('r', 'Allow', { to, match: { sql: { verbs: ['Select'] } } }),
            rule('t', 'Allow', { to, match: { sql: { tables: ['hr.*'] } } }),
          ],
        ],
      ]),
    ).explain(query({ verbs: ['Delete'], tables: ['public.a'] }, { tables: ['public.a'] }), 0)
    expect(steps.map((step) => step.because ?? 'matched')).toEqual(['matched', 'sql table public.a'])
    const [first] = compilePolicy(
      policyFixture([[], [[rule('r', 'Allow', { to, match: { sql: { verbs: ['Select'] } } })]]]),
    ).explain(query({ verbs: ['Delete'] }), 0).steps
    expect(first?.because).toBe('sql verb Delete')
  })
})
