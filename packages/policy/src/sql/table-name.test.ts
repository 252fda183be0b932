import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { formatTableName, parseTableName } from './table-name.ts'

test('plain names are written as they are, others are quoted', () => {
  expect(formatTableName('public', 'orders')).toBe('public.orders')
  expect(formatTableName('public', 'Orders 2')).toBe('public.Orders 2')
  expect(formatTableName('a.b', 'c"d')).toBe('"a.b"."c""d"')
})

test('no two tables have the same name', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '.', '"', '*'), maxLength: 6 })
  fc.assert(
    fc.property(part, part, (schema, table) => {
      expect(parseTableName(formatTableName(schema, table))).toEqual({ schema, table })
    }),
    { numRuns: 500 },
  )
})

test('a name without a schema is in public', () => {
  expect(parseTableName('orders')).toEqual({ schema: 'public', table: 'orders' })
})
