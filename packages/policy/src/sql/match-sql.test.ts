import { describe, expect, test } from '@jest/globals'
import type { EgressRule } from '@chaperone/api'
import type { SqlStatement } from '@chaperone/core'
import { compileSqlMatch, readStatement } from './match-sql.ts'

type Match = NonNullable<NonNullable<EgressRule['match']>['sql']>

const statement = (verbs: SqlStatement['verbs'], ...tables: string[]) => readStatement({ verbs, tables, functions: [] })
const mismatch = (action: EgressRule['action'], match: Match, ...of: Parameters<typeof statement>) =>
  compileSqlMatch(match, action)(statement(...of))

describe('Allow', () => {
  test('covers every verb and every table', () => {
    const match: Match = { verbs: ['Select', 'Insert'], tables: ['public.*', 'sales.items'] }
    expect(mismatch('Allow', match, ['Select'], 'public.a', 'sales.items')).toBeUndefined()
    expect(mismatch('Allow', match, ['Select', 'Delete'], 'public.a')).toBe('sql verb Delete')
    expect(mismatch('Allow', match, ['Select'], 'public.a', 'sales.people')).toBe('sql table sales.people')
  })

  test('a statement without tables is covered when it needs none', () => {
    expect(mismatch('Allow', { tables: ['public.a'] }, ['Select'])).toBeUndefined()
    expect(mismatch('Allow', { tables: ['public.a'] }, ['Transaction'])).toBeUndefined()
    for (const verb of ['Define', 'Grant', 'Maintain'] as const) {
      expect(mismatch('Allow', { verbs: [verb], tables: ['public.a'] }, [verb])).toBe('sql table of any name')
      expect(mismatch('Allow', { verbs: [verb] }, [verb])).toBeUndefined()
    }
  })

  test('tables bound a function only when the rule says Call', () => {
    expect(mismatch('Allow', { tables: ['public.*'] }, ['Select', 'Call'], 'public.a')).toBe('sql verb Call')
    expect(mismatch('Allow', { tables: ['public.*'] }, ['Set', 'Other'])).toBe('sql verb Other')
    expect(mismatch('Allow', { verbs: ['Select', 'Call'], tables: ['public.*'] }, ['Select', 'Call'], 'public.a')).toBe(
      undefined,
    )
    expect(mismatch('Allow', {}, ['Call'])).toBeUndefined()
  })

  test('what cascades is covered only by a rule for every table', () => {
    expect(mismatch('Allow', { tables: ['public.*'] }, ['Truncate'], 'public.a', '*.*')).toBe('sql table *.*')
    expect(mismatch('Allow', { tables: ['*.*'] }, ['Truncate'], 'public.a', '*.*')).toBeUndefined()
  })
})

describe.each(['Deny', 'Approve'] as const)('%s', (action) => {
  test('matches on any verb and any table', () => {
    const match: Match = { verbs: ['Delete'], tables: ['public.secrets', 'hr.*'] }
    expect(mismatch(action, match, ['Select', 'Delete'], 'public.a', 'hr.pay')).toBeUndefined()
    expect(mismatch(action, match, ['Select'], 'hr.pay')).toBe('sql verb')
    expect(mismatch(action, match, ['Delete'], 'public.a')).toBe('sql table')
    expect(mismatch(action, match, ['Transaction'])).toBe('sql verb')
    expect(mismatch(action, { tables: ['hr.*'] }, ['Select'])).toBe('sql table')
  })

  test('matches what may reach its tables unseen', () => {
    const match: Match = { tables: ['hr.pay'] }
    expect(mismatch(action, match, ['Select', 'Call'], 'public.a')).toBeUndefined()
    expect(mismatch(action, match, ['Set', 'Other'])).toBeUndefined()
    expect(mismatch(action, match, ['Maintain'])).toBeUndefined()
    expect(mismatch(action, match, ['Define'])).toBeUndefined()
    expect(mismatch(action, match, ['Truncate'], 'public.a', '*.*')).toBeUndefined()
  })
})

test.each([
  ['orders', 'public.orders', true],
  ['orders', 'sales.orders', false],
  ['*', 'public.orders', true],
  ['*', 'sales.orders', false],
  ['*.*', 'sales.orders', true],
  ['sales.o*', 'sales.orders', true],
  ['sales.o*', 'sales.items', false],
  ['s*.items', 'sales.items', true],
  ['public.Orders', 'public.orders', false],
  ['public.*', 'public."a.b"', true],
  ['hr.*', '"hr.x".pay', false],
  ['hr.*', 'public."hr.pay"', false],
])('the pattern %s on %s is %s', (pattern, table, expected) => {
  expect(mismatch('Allow', { tables: [pattern] }, ['Select'], table) === undefined).toBe(expected)
  expect(mismatch('Deny', { tables: [pattern] }, ['Select'], table) === undefined).toBe(expected)
})
