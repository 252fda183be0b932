import { describe, expect, test } from '@jest/globals'
import { keyOf, parseKey } from './object.ts'
import { apiVersionOf, collectionPath, objectPath, type Resource } from './resource.ts'

const pods: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }
const sessions: Resource = {
  group: 'chaperone.dev',
  version: 'v1alpha1',
  plural: 'agentsessions',
  kind: 'AgentSession',
  namespaced: true,
}
const namespaces: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }

describe('the path of a resource', () => {
  test('has the core group under /api and all others under /apis', () => {
    expect(collectionPath(pods, 'a')).toBe('/api/v1/namespaces/a/pods')
    expect(collectionPath(sessions, 'a')).toBe('/apis/chaperone.dev/v1alpha1/namespaces/a/agentsessions')
    expect(apiVersionOf(pods)).toBe('v1')
    expect(apiVersionOf(sessions)).toBe('chaperone.dev/v1alpha1')
  })

  test('covers all namespaces when none is given', () => {
    expect(collectionPath(sessions)).toBe('/apis/chaperone.dev/v1alpha1/agentsessions')
  })

  test('names objects and their subresources', () => {
    expect(objectPath(pods, { namespace: 'a', name: 'b' }, 'status')).toBe('/api/v1/namespaces/a/pods/b/status')
    expect(objectPath(namespaces, { name: 'a' })).toBe('/api/v1/namespaces/a')
  })

  test('insists on a namespace exactly for namespaced resources', () => {
    expect(() => objectPath(pods, { name: 'b' })).toThrow('namespace: expected one')
    expect(() => objectPath(namespaces, { namespace: 'a', name: 'b' })).toThrow('namespace: expected none')
  })

  test.each(['', '.', '..', 'a/b', '../secrets/a', 'a%2fb', '%2e%2e'])(
    'a hostile name %j never reaches the path',
    (hostile) => {
      expect(() => objectPath(pods, { namespace: 'a', name: hostile })).toThrow('name: expected a path segment')
      expect(() => collectionPath(pods, hostile)).toThrow('namespace: expected a path segment')
    },
  )

  test('encodes what has a meaning in a URL', () => {
    expect(objectPath(pods, { namespace: 'a', name: 'b?c#d e' })).toBe('/api/v1/namespaces/a/pods/b%3Fc%23d%20e')
  })
})

describe('the key of an object', () => {
  test('is namespace/name, or the name alone, and parses back', () => {
    expect(keyOf({ metadata: { namespace: 'a', name: 'b' } })).toBe('a/b')
    expect(keyOf({ metadata: { name: 'b' } })).toBe('b')
    expect(parseKey('a/b')).toEqual({ namespace: 'a', name: 'b' })
    expect(parseKey('b')).toEqual({ name: 'b' })
  })

  test.each(['', '/', 'a/', '/b', 'a/b/c'])('%j is no key', (text) => {
    expect(() => parseKey(text)).toThrow('key: expected')
  })
})
