import { describe, expect, test } from '@jest/globals'
import type { AgentSession, ApprovalAsk, ApprovalRequest } from '@chaperone/api'
import { createFakeClock } from '@chaperone/testkit'
import { createApprovals, maxPendingPerPod, type ApprovalStore } from './approvals.ts'
import type { Caller } from './caller.ts'

const session = {
  metadata: { name: 'devin', uid: 'session-1' },
  spec: { agent: { name: 'devin', owner: 'ada' } },
} as unknown as AgentSession
const caller: Caller = {
  pod: { namespace: 'agents', name: 'agent', uid: 'pod-1' },
  serviceAccount: 'system:serviceaccount:agents:default',
  session: { name: 'devin', uid: 'session-1' },
}
const ask: ApprovalAsk = {
  rule: 'r',
  action: { protocol: 'HTTP', summary: 'POST /', digest: 'a'.repeat(64) },
  grant: 'Once',
  expiresInMs: 60_000,
}

function setUp(pending = 0) {
  const objects = new Map<string, ApprovalRequest>()
  const clock = createFakeClock()
  const store: ApprovalStore = {
    get: (_namespace, name) => Promise.resolve(objects.get(name)),
    createOrGet(request) {
      objects.set(request.metadata.name, objects.get(request.metadata.name) ?? request)
      return Promise.resolve(objects.get(request.metadata.name)!)
    },
    setCondition(request, { type, reason, message }) {
      const conditions = [
        ...(request.status?.conditions ?? []),
        { type, status: 'True' as const, reason, message, lastTransitionTime: '' },
      ]
      // The optimistic lock of the API server: only who has read the latest may write.
      if (objects.get(request.metadata.name) !== request) return Promise.resolve(false)
      objects.set(request.metadata.name, { ...request, status: { conditions } })
      return Promise.resolve(true)
    },
  }
  const decide = (name: string, verdict: 'Approved' | 'Denied') => {
    const request = objects.get(name)!
    objects.set(name, { ...request, spec: { ...request.spec, decision: { verdict, by: 'bob' } } })
  }
  return { approvals: createApprovals(store, () => pending, clock), objects, clock, decide }
}

describe('createApprovals', () => {
  test('the same act asked again attaches to the same request; another act is another', async () => {
    const { approvals } = setUp()
    const first = await approvals.ask(caller, session, ask)
    expect(await approvals.ask(caller, session, ask)).toEqual(first)
    expect(
      (await approvals.ask(caller, session, { ...ask, action: { ...ask.action, digest: 'b'.repeat(64) } })).name,
    ).not.toBe(first.name)
  })

  test('an act whose digest begins like that of an approved one, or of another pod, is asked for itself', async () => {
    const { approvals, decide } = setUp()
    const { name, digest } = await approvals.ask(caller, session, ask)
    decide(name, 'Approved')
    const lookalike = { ...ask, action: { ...ask.action, digest: `${digest.slice(0, 10)}${'b'.repeat(54)}` } }
    expect(await approvals.ask(caller, session, lookalike)).toMatchObject({
      name: `${name}-2`,
      digest: lookalike.action.digest,
      outcome: 'Pending',
    })
    const neighbour = { ...caller, pod: { ...caller.pod, name: 'neighbour', uid: 'pod-2' } }
    expect(await approvals.ask(neighbour, session, ask)).toMatchObject({ name: `${name}-3`, outcome: 'Pending' })
  })

  test('an approval that was used up is asked anew', async () => {
    const { approvals, decide } = setUp()
    const { name } = await approvals.ask(caller, session, ask)
    decide(name, 'Approved')
    await approvals.consume(caller, name)
    expect(await approvals.ask(caller, session, ask)).toMatchObject({ outcome: 'Pending', name: `${name}-2` })
  })

  test('of two that use an approval for once at the same time, one succeeds', async () => {
    const { approvals, decide } = setUp()
    const { name } = await approvals.ask(caller, session, ask)
    decide(name, 'Approved')
    const results = await Promise.allSettled([approvals.consume(caller, name), approvals.consume(caller, name)])
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('what is pending, denied, expired or of another pod cannot be used', async () => {
    const { approvals, decide, clock } = setUp()
    const { name } = await approvals.ask(caller, session, ask)
    await expect(approvals.consume(caller, name)).rejects.toMatchObject({ code: 'ERR_APPROVAL_NOT_USABLE' })
    decide(name, 'Approved')
    await expect(approvals.consume({ ...caller, pod: { ...caller.pod, uid: 'pod-2' } }, name)).rejects.toMatchObject({
      code: 'ERR_APPROVAL_NOT_FOUND',
    })
    await clock.advance(61_000)
    await expect(approvals.consume(caller, name)).rejects.toMatchObject({ code: 'ERR_APPROVAL_NOT_USABLE' })
  })

  test('a pod that already has the most waiting is refused', async () => {
    const { approvals } = setUp(maxPendingPerPod)
    await expect(approvals.ask(caller, session, ask)).rejects.toMatchObject({ code: 'ERR_APPROVAL_LIMIT' })
  })
})
