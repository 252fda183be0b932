import { expect, test } from '@jest/globals'
import { compilePathGlob, matchesPath } from './path-glob.ts'

test.each([
  ['/v1/orders', '/v1/orders', true],
  ['/v1/orders', '/v1/orders/', false],
  ['/v1/orders/*', '/v1/orders/7', true],
  ['/v1/orders/*', '/v1/orders/7/items', false],
  ['/v1/**', '/v1/orders/7/items', true],
  ['/v1/**', '/v1', true],
  ['/v1/**', '/v10/x', false],
  ['/**/items', '/v1/orders/7/items', true],
  ['/**/items', '/v1/orders/7/items/x', false],
  ['/a*c/d', '/abbc/d', true],
  ['/a*c/d', '/abbd/d', false],
  ['/**', '/', true],
  ['/**/a/**/b', '/x/a/y/a/z/b', true],
])('%s on %s is %s', (glob, path, expected) => {
  expect(matchesPath(compilePathGlob(glob), path)).toBe(expected)
})
