import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { EffectivePolicy, EgressRule } from '@chaperone/api'
import type { Action } from '@chaperone/core'
import type { Verdict } from '../verdict.ts'
import { compilePolicy } from './compile-policy.ts'
import { compileRule } from './compiled-rule.ts'
import { piecesOf } from './pieces.ts'
import { policyFixture, queryFixture, requestFixture, ruleFixture } from './policy-fixture.ts'
import { indexRules } from './host-rules.ts'

const severity = { allow: 0, approve: 1, deny: 2 } as const

const httpMatch = fc.record(
  {
    methods: fc.subarray(['GET', 'POST', 'DELETE'], { minLength: 1 }),
    paths: fc.subarray(['/', '/v1/**', '/v1/*', '/V1/orders', '/**/items', '/v1%2Forders'], { minLength: 1 }),
  },
  { requiredKeys: [] },
)
const sqlMatch = fc.record(
  {
    verbs: fc.subarray(['Select' as const, 'Delete' as const, 'Call' as const, 'Define' as const], { minLength: 1 }),
    tables: fc.subarray(['public.*', 'hr.pay', 'h*.pay', '*.*', 'a', 'public.a*'], { minLength: 1 }),
  },
  { requiredKeys: [] },
)
const actionOf = fc.constantFrom<EgressRule['action']>('Allow', 'Approve', 'Deny')
const mask = fc.subarray(['pii', 'phi', 'pci'])
const httpRule = fc
  .record({
    action: actionOf,
    mask,
    host: fc.constantFrom('api.example', '*.example', '*', 'other.test'),
    match: fc.option(httpMatch, { nil: undefined }),
  })
  .map(({ action, mask: profiles, host, match }) =>
    ruleFixture('r', action, {
      mask: profiles,
      to: { hosts: [host] },
      ...(match === undefined ? {} : { match: { http: match } }),
    }),
  )
const sqlRule = fc
  .record({ action: actionOf, mask, match: fc.option(sqlMatch, { nil: undefined }) })
  .map(({ action, mask: profiles, match }) =>
    ruleFixture('r', action, {
      mask: profiles,
      to: { hosts: ['db.prod.svc'], protocol: 'Postgres' },
      ...(match === undefined ? {} : { match: { sql: match } }),
    }),
  )
const list = fc.array(fc.oneof(httpRule, sqlRule), { maxLength: 5 })
const tier = fc.array(list, { maxLength: 3 })

const request = fc
  .record({
    path: fc.constantFrom(
      '/',
      '/v1/orders',
      '/v1/orders/',
      '/v1/Orders',
      '/v1%2Forders',
      '/v1/7/items',
      '/v1;x/orders',
    ),
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    override: fc.constantFrom(undefined, 'DELETE', 'get'),
  })
  .map(({ path, method, override }) =>
    requestFixture(path, method, override === undefined ? {} : { 'x-http-method-override': override }),
  )
const statement = fc.record({
  verbs: fc.subarray(['Select' as const, 'Delete' as const, 'Call' as const, 'Define' as const], { minLength: 1 }),
  tables: fc.subarray(['public.a', 'public.ab', 'hr.pay', '*.*', '"hr.x".pay']),
})
const query = fc.array(statement, { maxLength: 3 }).map((statements) => queryFixture(...statements))
const anyAction: fc.Arbitrary<Action> = fc.oneof(request, query)
const fallback = fc.constantFrom<EffectivePolicy['default']>('Allow', 'Approve', 'Deny')

const judged = (
  cluster: readonly (readonly EgressRule[])[],
  session: readonly (readonly EgressRule[])[],
  action: Action,
  extra: Partial<EffectivePolicy> = {},
): Verdict => compilePolicy(policyFixture([cluster, session], extra)).evaluate(action, 0)
const masks = (verdict: Verdict): readonly string[] => (verdict.kind === 'deny' ? [] : verdict.effects.mask.toSorted())

const situation = fc.record({ cluster: tier, session: tier, otherwise: fallback })

test('one more Deny, anywhere, never lets anything pass that did not pass before', () => {
  const extra = fc.record({ rule: fc.oneof(httpRule, sqlRule), tier: fc.nat(1), list: fc.nat(), index: fc.nat() })
  fc.assert(
    fc.property(situation, extra, anyAction, ({ cluster, session, otherwise }, { rule, ...at }, action) => {
      const before = judged(cluster, session, action, { default: otherwise }).kind
      const tiers = [cluster, session]
      const lists = tiers[at.tier] ?? []
      const chosen = lists.length === 0 ? 0 : at.list % lists.length
      const rules = lists[chosen] ?? []
      const grown = rules.toSpliced(at.index % (rules.length + 1), 0, { ...rule, action: 'Deny' })
      const [above = [], below = []] = tiers.with(at.tier, lists.length === 0 ? [grown] : lists.with(chosen, grown))
      const after = judged(above, below, action, { default: otherwise }).kind
      expect(severity[after]).toBeGreaterThanOrEqual(severity[before])
    }),
    { numRuns: 1500 },
  )
})

test('the order of lists within a tier changes neither the verdict nor what is masked', () => {
  fc.assert(
    fc.property(tier, tier, anyAction, fallback, (cluster, session, action, otherwise) => {
      const one = judged(cluster, session, action, { default: otherwise })
      const other = judged(cluster.toReversed(), session.toReversed(), action, { default: otherwise })
      expect(other.kind).toBe(one.kind)
      expect(masks(other)).toEqual(masks(one))
    }),
    { numRuns: 1000 },
  )
})

test('nothing passes a suspended, ended or incomplete policy', () => {
  const closed = fc.constantFrom<Partial<EffectivePolicy>>(
    { suspended: true },
    { expiresAt: '1970-01-01T00:00:00Z' },
    { unresolved: ['spec.policies[0]: …'] },
  )
  fc.assert(
    fc.property(situation, anyAction, closed, ({ cluster, session, otherwise }, action, extra) => {
      expect(judged(cluster, session, action, { default: otherwise, ...extra }).kind).toBe('deny')
    }),
  )
})

test('where no rule names the host the default decides', () => {
  fc.assert(
    fc.property(tier, tier, fallback, (cluster, session, otherwise) => {
      const elsewhere = (rules: readonly (readonly EgressRule[])[]) =>
        rules.map((each) => each.map((rule) => ({ ...rule, to: { ...rule.to, hosts: ['elsewhere.test'] } })))
      const verdict = judged(elsewhere(cluster), elsewhere(session), requestFixture('/'), { default: otherwise })
      expect(verdict.kind).toBe(otherwise.toLowerCase())
    }),
  )
})

test('a query is judged as strictly as its strictest statement', () => {
  fc.assert(
    fc.property(
      tier,
      tier,
      fc.array(statement, { minLength: 1, maxLength: 4 }),
      fallback,
      (cluster, session, statements, otherwise) => {
        const each = statements.map((one) => judged(cluster, session, queryFixture(one), { default: otherwise }))
        const together = judged(cluster, session, queryFixture(...statements), { default: otherwise })
        expect(severity[together.kind]).toBe(Math.max(...each.map((verdict) => severity[verdict.kind])))
        if (together.kind !== 'deny') expect(masks(together)).toEqual([...new Set(each.flatMap(masks))].toSorted())
      },
    ),
    { numRuns: 500 },
  )
})

test('looking rules up by key finds the rule that trying them in order finds', () => {
  fc.assert(
    fc.property(list, anyAction, (rules, action) => {
      const compiled = rules.map((rule, index) => compileRule('list', { ...rule, name: `r${index}` }))
      const index = indexRules(compiled)
      for (const piece of piecesOf(action as Exclude<Action, { protocol: 'TLS' }>) ?? []) {
        const { port } = action.target
        expect(index.firstMatch(port, piece)?.ref.name).toBe(
          compiled.find((rule) => rule.mismatch(port, piece) === undefined)?.ref.name,
        )
      }
    }),
    { numRuns: 2000 },
  )
})

test('what passes has matched a rule that explain shows, or the default', () => {
  fc.assert(
    fc.property(tier, tier, anyAction, (cluster, session, action) => {
      const { verdict, steps } = compilePolicy(policyFixture([cluster, session])).explain(action, 0)
      if (verdict.kind === 'deny' || verdict.rule.name === 'empty') return
      expect(steps.some((step) => step.matched && step.rule.source === verdict.rule.source)).toBe(true)
    }),
  )
})
