import { expect, test } from '@jest/globals'
import type { EgressRule } from '@chaperone/api'
import type { Target } from '@chaperone/core'
import { compilePolicy } from './compile-policy.ts'
import { policyFixture, requestFixture, ruleFixture } from './policy-fixture.ts'

const unread = ruleFixture('unread', 'Allow', { to: { tls: 'Passthrough', ports: [443] } })
const read = (action: EgressRule['action'], extra: Partial<EgressRule> = {}) =>
  ruleFixture('read', action, { to: { hosts: ['*'] }, ...extra })
const connection = { protocol: 'TLS', target: { host: 'api.example', port: 443 } } as const
const judge = (tiers: EgressRule[][][], target: Target = connection.target) =>
  compilePolicy(policyFixture(tiers)).evaluate({ ...connection, target }, 0).kind

test('TLS passes unread where a rule says so, and nowhere else', () => {
  expect(judge([[], [[unread]]])).toBe('allow')
  expect(judge([[], [[unread]]], { host: 'api.example', port: 8443 })).toBe('deny')
  expect(judge([[], [[unread]]], { host: 'other.example', port: 443 })).toBe('deny')
  expect(judge([[], [[read('Allow')]]])).toBe('deny')
})

test('a rule that comes after it in its list is behind it; one before it, or in another list, keeps the connection readable', () => {
  expect(judge([[], [[unread, read('Deny')]]])).toBe('allow')
  for (const action of ['Allow', 'Deny', 'Approve'] as const) {
    expect(judge([[], [[read(action), unread]]])).toBe('deny')
    expect(judge([[], [[unread], [read(action)]]])).toBe('deny')
    expect(judge([[[read(action)]], [[unread]]])).toBe('deny')
    expect(judge([[[unread]], [[read(action)]]])).toBe('deny')
  }
  expect(judge([[[unread]], [[unread]]])).toBe('allow')
})

test('it allows nothing that was read', () => {
  expect(compilePolicy(policyFixture([[], [[unread]]])).evaluate(requestFixture('/'), 0)).toMatchObject({
    kind: 'deny',
    reason: 'NoRuleMatched',
  })
})

test('a suspended session passes nothing', () => {
  const policy = compilePolicy(policyFixture([[], [[unread]]], { suspended: true }))
  expect(policy.evaluate(connection, 0)).toMatchObject({ kind: 'deny', reason: 'Suspended' })
})

test('the opened connection keeps to the ranges of its rule', () => {
  const within = ruleFixture('unread', 'Allow', { to: { tls: 'Passthrough', ports: [443], cidrs: ['10.0.0.0/8'] } })
  expect(compilePolicy(policyFixture([[], [[within]]])).evaluate(connection, 0)).toMatchObject({
    kind: 'allow',
    effects: { cidrs: ['10.0.0.0/8'], mask: [] },
  })
})
