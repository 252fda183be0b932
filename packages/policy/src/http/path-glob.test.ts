import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compilePathGlob } from './path-glob.ts'
import { globKeys, pathKeys } from './path-keys.ts'
import { readPath } from './path-readings.ts'

const exact = (glob: string, path: string) => compilePathGlob(glob, 'exact')(readPath(path))
const loose = (glob: string, path: string) => compilePathGlob(glob, 'loose')(readPath(path))

test.each([
  ['/v1/orders', '/v1/orders', true],
  ['/v1/orders', '/v1/orders/7', false],
  ['/v1/orders/*', '/v1/orders/7', true],
  ['/v1/orders/*', '/v1/orders/7/items', false],
  ['/v1/orders/*', '/v1/orders/', false],
  ['/v1/orders/*', '/v1/orders', false],
  ['/v1/**', '/v1/orders/7/items', true],
  ['/v1/**', '/v1', true],
  ['/v1/**', '/v1/', true],
  ['/v1/**', '/v10/x', false],
  ['/**/items', '/v1/orders/7/items', true],
  ['/**/items', '/items', true],
  ['/**/items', '/v1/orders/7/items/x', false],
  ['/a*c/d', '/abbc/d', true],
  ['/a*c/d', '/ac/d', true],
  ['/a*c/d', '/abbd/d', false],
  ['/a*', '/a', true],
  ['/*.json', '/x.json', true],
  ['/*a*b*', '/xaybz', true],
  ['/*a*b*', '/xbya', false],
  ['/ab*ba', '/aba', false],
  ['/a**b', '/axxb', true],
  ['/a**b', '/ax/xb', false],
  ['/**', '/', true],
  ['/**/a/**/b', '/x/a/y/a/z/b', true],
  ['/**/a/*/c/**', '/a/a/b/c', true],
  ['/a/**/**/b', '/a/b', true],
  ['/a/**/b/c', '/a/b/c', true],
  ['/a/**/a', '/a', false],
  ['/', '/', true],
  ['/', '/a', false],
  ['/%7euser', '/~user', true],
  ['/projects/*/issues', '/projects/group%2Fname/issues', true],
  ['/projects/group%2fname', '/projects/group%2Fname', true],
])('%s on %s is %s, however it is read', (glob, path, expected) => {
  expect(exact(glob, path)).toBe(expected)
  expect(loose(glob, path)).toBe(expected)
})

describe('a rule that restricts also matches', () => {
  test.each([
    ['another letter case', '/admin/**', '/Admin/x'],
    ['another letter case in the rule', '/Admin/**', '/admin/x'],
    ['a final slash', '/v1/refunds', '/v1/refunds/'],
    ['a final slash in the rule', '/v1/refunds/', '/v1/refunds'],
    ['an encoded slash', '/admin/**', '/admin%2Fusers'],
    ['an encoded slash far ahead', '/admin/users', '/admin%2Fusers'],
    ['parameters', '/admin/**', '/admin;x=1/users'],
    ['encoded parameters', '/admin/**', '/admin%3Bx/users'],
    ['an encoded colon', '/v1/*:delete', '/v1/7%3Adelete'],
    ['an encoded at-sign', '/@me', '/%40me'],
    ['an empty segment behind parameters', '/a/b', '/a/;x/b'],
  ])('%s', (_what, glob, path) => {
    expect(loose(glob, path)).toBe(true)
    expect(exact(glob, path)).toBe(false)
  })
})

test('rules are looked up by keys without losing one', () => {
  const segment = fc.constantFrom('a', 'B', '*', '**', 'a*', 'a%2Fb', 'b;x', '')
  const glob = fc.array(segment, { maxLength: 10 }).map((segments) => `/${segments.join('/')}`)
  const path = fc
    .array(fc.constantFrom('a', 'B', 'b', 'a%2Fb', 'b;x'), { maxLength: 10 })
    .map((segments) => `/${segments.join('/')}`)
  fc.assert(
    fc.property(glob, path, fc.constantFrom('exact' as const, 'loose' as const), (pattern, text, reading) => {
      const keys = new Set(pathKeys(readPath(text)))
      const matched = compilePathGlob(pattern, reading)(readPath(text))
      expect(matched && !globKeys([pattern], reading).some((key) => keys.has(key))).toBe(false)
    }),
    { numRuns: 3000 },
  )
})

test('a glob agrees with the regular expression it stands for', () => {
  const glob = fc
    .array(fc.constantFrom('a', 'b', '*', 'a*', '*b', 'a*b*a', '**'), { minLength: 1, maxLength: 5 })
    .map((segments) => `/${segments.join('/')}`)
  const path = fc
    .array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })
    .map((segments) => `/${segments.join('/')}`)
  fc.assert(
    fc.property(glob, path, (pattern, text) => {
      const expression = pattern
        .slice(1)
        .split('/')
        .map((segment) =>
          segment === '**' ? '(?:/[^/]+)*' : `/${segment === '*' ? '[^/]+' : segment.replaceAll('*', '[^/]*')}`,
        )
        .join('')
      expect(exact(pattern, text)).toBe(new RegExp(`^${expression}$`).test(text))
    }),
    { numRuns: 3000 },
  )
})
