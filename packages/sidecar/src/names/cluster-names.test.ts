import { expect, test } from '@jest/globals'
import { createClusterNames } from './cluster-names.ts'

const search = ['agents.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example']

test.each([
  ['kubernetes.default.svc.cluster.local', 'apiServer'],
  ['db.prod.svc.cluster.local', 'service'],
  ['db-0.db.prod.svc.cluster.local', 'service'],
  // Not under these names are Services found, or by anybody else.
  ['db.prod.svc', 'elsewhere'],
  ['10-0-0-1.prod.pod.cluster.local', 'elsewhere'],
  ['svc.cluster.local', 'elsewhere'],
  ['xsvc.cluster.local', 'elsewhere'],
  ['db.prod.svc.cluster.local.example.com', 'elsewhere'],
  ['db.corp.example', 'elsewhere'],
  ['10.0.0.1', 'elsewhere'],
])('in a cluster the authority of %s is %s', (name, authority) => {
  expect(createClusterNames(search).authorityOf(name)).toBe(authority)
})

test('outside a cluster no name is its own', () => {
  const names = createClusterNames(['corp.example'])
  expect(names.apiServer).toBeUndefined()
  expect(names.authorityOf('kubernetes.default.svc.cluster.local')).toBe('elsewhere')
})
