import { expect, test } from '@jest/globals'
import { normalisePath } from './normalise-path.ts'

test.each([
  ['/', '/', ''],
  ['/a/b?x=1&y=%2F', '/a/b', 'x=1&y=%2F'],
  ['/a/./b/../c', '/a/c', ''],
  ['/a/b/..', '/a/', ''],
  ['/%61dmin', '/admin', ''],
  ['/a%2e%2e/b', '/a../b', ''],
  ['/a/%2e%2e/b', '/b', ''],
  ['/caf%c3%a9', '/caf%C3%A9', ''],
  ['/a?b?c', '/a', 'b?c'],
])('%s is judged as %s', (raw, path, query) => {
  expect(normalisePath(raw)).toEqual({ path, query })
})

test.each([
  '',
  'a',
  '*',
  'http://x/',
  '//evil/x',
  '/a//b',
  '/..',
  '/a/../../b',
  '/a\\b',
  '/a%2fb',
  '/a%5Cb',
  '/a%00',
  '/a%25%32%65',
  '/%',
  '/%zz',
  '/a b',
  '/a\tb',
  '/é',
  '/a/..;/b',
  '/a#b',
])('%j could mean two things and is refused', (raw) => {
  expect(normalisePath(raw)).toBeUndefined()
})
