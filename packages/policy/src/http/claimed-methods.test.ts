import { expect, test } from '@jest/globals'
import { claimedMethods } from './claimed-methods.ts'

const claimed = (method: string, headers: Record<string, string>, query = '') =>
  claimedMethods({ method, scheme: 'https', path: '/', query, headers })

test.each([
  ['POST', {}, '', ['POST']],
  ['POST', { 'x-http-method-override': 'DELETE' }, '', ['POST', 'DELETE']],
  ['POST', { 'x-http-method-override': ' delete ' }, '', ['POST', 'DELETE']],
  ['POST', { 'x-method-override': 'PUT', 'x-http-method': 'PATCH' }, '', ['POST', 'PATCH', 'PUT'].toSorted()],
  ['POST', { 'x-http-method-override': 'GET, DELETE' }, '', ['POST', 'GET', 'DELETE']],
  ['POST', { 'x-http-method-override': 'POST' }, '', ['POST']],
  ['POST', { 'x-http-method-override': '' }, '', ['POST']],
  ['GET', {}, 'a=1&_method=delete', ['GET', 'DELETE']],
  ['GET', {}, '%5Fmethod=delete', ['GET', 'DELETE']],
  ['GET', {}, 'a_method=delete', ['GET']],
] as const)('%s with %j and %j claims %j', (method, headers, query, expected) => {
  expect(claimed(method, headers, query).toSorted()).toEqual([...expected].toSorted())
})
