import { expect, test } from '@jest/globals'
import { isBelowSearch, searchCandidates } from './search-candidates.ts'

const search = ['agents.svc.cluster.local', 'svc.cluster.local', 'cluster.local']

test('a question below the first suffix most likely is the work of a resolver', () => {
  expect(searchCandidates('api.example.com.agents.svc.cluster.local', search)).toEqual([
    'api.example.com',
    'api.example.com.agents',
    'api.example.com.agents.svc',
    'api.example.com.agents.svc.cluster.local',
  ])
})

test('a question below a later suffix most likely is a full name', () => {
  expect(searchCandidates('db.prod.svc.cluster.local', search)).toEqual([
    'db.prod.svc.cluster.local',
    'db.prod',
    'db.prod.svc',
  ])
})

test('any other name stands for itself', () => {
  expect(searchCandidates('api.example.com', search)).toEqual(['api.example.com'])
  expect(isBelowSearch('api.example.com', search)).toBe(false)
  expect(isBelowSearch('cluster.local', search)).toBe(false)
  expect(isBelowSearch('x.cluster.local', search)).toBe(true)
})
