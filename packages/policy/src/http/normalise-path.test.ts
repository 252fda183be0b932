import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { normalisePath } from './normalise-path.ts'

test.each([
  ['/', '/', ''],
  ['/a/b?x=1&y=%2F', '/a/b', 'x=1&y=%2F'],
  ['/a/./b/../c', '/a/c', ''],
  ['/a/b/..', '/a/', ''],
  ['/a/.', '/a/', ''],
  ['/%61dmin', '/admin', ''],
  ['/a%2e%2e/b', '/a../b', ''],
  ['/a/%2e%2E/b', '/b', ''],
  ['/...', '/...', ''],
  ['/.well-known/x', '/.well-known/x', ''],
  ['/caf%c3%a9', '/caf%C3%A9', ''],
  ['/a?b?c', '/a', 'b?c'],
  ['/a?../..//', '/a', '../..//'],
  ['/?', '/', ''],
  ['/projects/group%2fname/issues', '/projects/group%2Fname/issues', ''],
  ['/@types%2Fnode', '/@types%2Fnode', ''],
  ['/proxy/https%3A%2F%2Fhost', '/proxy/https%3A%2F%2Fhost', ''],
  ['/100%25', '/100%25', ''],
  ['/100%25.txt', '/100%25.txt', ''],
  ['/v1/users:delete', '/v1/users:delete', ''],
  ['/a%20b', '/a%20b', ''],
  ['/a;v=1/b', '/a;v=1/b', ''],
])('%s is judged as %s', (raw, path, query) => {
  expect(normalisePath(raw)).toEqual({ path, query })
})

describe('what could mean two things is refused', () => {
  test.each([
    ['no path', ''],
    ['not absolute', 'a'],
    ['asterisk form', '*'],
    ['absolute form', 'http://x/'],
    ['authority in front', '//evil/x'],
    ['empty segment', '/a//b'],
    ['empty segment at the end', '/a//'],
    ['empty segment before dots', '/a//../b'],
    ['above the root', '/..'],
    ['above the root by escapes', '/%2e%2e/x'],
    ['above the root at last', '/a/../../b'],
    ['backslash', '/a\\b'],
    ['backslash dots', '/a/..\\..\\b'],
    ['encoded backslash', '/a%5Cb'],
    ['dots before an encoded slash', '/a/..%2fb'],
    ['dots between encoded slashes', '/public%2f..%2fadmin'],
    ['encoded dots before an encoded slash', '/a/%2e%2e%2fb'],
    ['one dot before an encoded slash', '/a/.%2Fb'],
    ['dots behind an encoded slash', '/a/b%2f..'],
    ['dots with parameters', '/a/..;/b'],
    ['dots with named parameters', '/a/..;x=1/b'],
    ['dots with encoded parameters', '/a/..%3Bx/b'],
    ['one dot with parameters', '/a/.;/b'],
    ['encoded dots with parameters', '/a/%2e%2e;/b'],
    ['NUL', '/a%00'],
    ['encoded line feed', '/a%0aSet-Cookie:x'],
    ['encoded tab', '/a%09b'],
    ['encoded delete', '/a%7f'],
    ['double encoding of a slash', '/a%252fb'],
    ['double encoding of dots', '/a/%252e%252e/b'],
    ['double encoding in pieces', '/a%25%32%65'],
    ['overlong slash', '/a%c0%afb'],
    ['overlong dots', '/%c0%ae%c0%ae/b'],
    ['overlong slash of three bytes', '/a%e0%80%afb'],
    ['half a character', '/a%c3'],
    ['IIS escape', '/%u002e%u002e/'],
    ['bare percent', '/%'],
    ['half an escape', '/%4'],
    ['no hexadecimal', '/%zz'],
    ['percent before an escape', '/%%41'],
    ['space', '/a b'],
    ['tab', '/a\tb'],
    ['line feed', '/a\nb'],
    ['line feed in the query', '/a?b\nc'],
    ['raw UTF-8', '/é'],
    ['full-width slash', '/a\uff0fb'],
    ['fragment', '/a#b'],
  ])('%s: %j', (_what, raw) => {
    expect(normalisePath(raw)).toBeUndefined()
  })
})

test('a normalised path stays as it is, holds no dot segments, and reads alike when decoded once more', () => {
  const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2F', '%5c', '%25', '%41', ';', 'B', '%c3%a9', '2f', '?')
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`),
      (raw) => {
        const target = normalisePath(raw)
        if (target === undefined) return
        expect(normalisePath(target.path)).toEqual({ path: target.path, query: '' })
        const segments = decodeURIComponent(target.path).split('/')
        expect(segments.some((segment) => segment === '.' || segment === '..')).toBe(false)
      },
    ),
    { numRuns: 2000 },
  )
})

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      normalisePath(text)
      normalisePath(`/${text}`)
    }),
  )
})
