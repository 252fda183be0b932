import { expect, test } from '@jest/globals'
import { scanCost } from './scan-cost.ts'

test('comments and signs cost the length of their run each time they start', () => {
  expect(scanCost('select 1')).toBe(0)
  expect(scanCost('a+b')).toBe(1)
  expect(scanCost('++++')).toBe(16)
  expect(scanCost('/*/*/*')).toBe(18)
  expect(scanCost('/* a */ /* b */')).toBe(4)
})

test('ordinary decoration is cheap', () => {
  expect(scanCost(`${'-'.repeat(80)}\nselect 1 ${'='.repeat(80)}\n`.repeat(100))).toBeLessThan(1_000_000)
})
