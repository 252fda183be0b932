import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import pino from 'pino'
import { agentSession, parseResource, type AgentSession } from '@chaperone/api'
import { resolvePolicy } from '@chaperone/policy'
import { createFakeClock } from '@chaperone/testkit'
import { createPolicyHolder } from './policy-holder.ts'

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate'] }))
afterEach(() => void jest.useRealTimers())

const action = { protocol: 'TLS', target: { host: 'api.example.test', port: 443 } } as const

/** A holder of a session that ends in a second, and what its listeners find whenever they are told. */
const setUp = () => {
  const clock = createFakeClock()
  const containment = { isRefusing: false }
  const policy = createPolicyHolder({ clock, log: pino({ level: 'silent' }), containment })
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: { agent: { name: 'devin' }, egress: { rules: [] } },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const resolved = resolvePolicy({ session: parsed.resource, policies: [], clusterPolicies: [] })
  policy.apply({
    type: 'policy',
    policy: { ...resolved, expiresAt: new Date(clock.now() + 1000).toISOString() },
    pod: { namespace: 'default', name: 'devin-0', uid: 'pod-1' },
  })
  const found: string[] = []
  policy.subscribe(() => {
    const verdict = policy.peek(action)
    found.push(verdict.kind === 'deny' ? verdict.reason : verdict.kind)
  })
  return { clock, containment, policy, found }
}

test('who holds something open is told once the session has ended, though a timer fired before', async () => {
  const { clock, policy, found } = setUp()
  await clock.advance(999)
  jest.advanceTimersByTime(1000)
  expect(found).toEqual([])
  await clock.advance(1)
  jest.advanceTimersByTime(1)
  expect(found).toEqual(['SessionEnded'])
  policy.close()
})

test('a clock that was set back puts off the end, and does not prevent it', async () => {
  const { clock, policy, found } = setUp()
  jest.advanceTimersByTime(1000)
  expect(found).toEqual([])
  await clock.advance(1000)
  jest.advanceTimersByTime(1000)
  expect(found).toEqual(['SessionEnded'])
  policy.close()
})

test('while the pod is not known to be contained nothing passes, and who holds something open is told', () => {
  const { containment, policy, found } = setUp()
  containment.isRefusing = true
  policy.reconsider()
  containment.isRefusing = false
  policy.reconsider()
  expect(found).toEqual(['NotContained', 'NoRuleMatched'])
  policy.close()
})
