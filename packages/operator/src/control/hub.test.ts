import { describe, expect, test } from '@jest/globals'
import type { ApprovalRequest, ControlEvent } from '@chaperone/api'
import { approvalState, createHub, maxListeners, type Hub } from './hub.ts'

function listen(hub: Hub, pod: string, session = 'devin') {
  const told: ControlEvent[] = []
  const state = { told, ended: 0, stop: undefined as (() => void) | undefined }
  state.stop = hub.add({
    caller: {
      pod: { namespace: 'agents', name: pod, uid: pod },
      serviceAccount: 'system:serviceaccount:agents:default',
      session: { name: session, uid: session },
    },
    send: (event) => told.push(event),
    end: () => (state.ended += 1),
  })
  return state
}
const ping: ControlEvent = { type: 'ping' }

describe('the hub', () => {
  test('tells each event to those whom it concerns, and to nobody else', () => {
    const hub = createHub()
    const [a, b, c] = [listen(hub, 'a'), listen(hub, 'b'), listen(hub, 'c', 'other')]
    hub.toPod('a', ping)
    hub.toSession('agents', 'devin', ({ pod }) => ({ type: 'unbound', message: pod.uid }))
    hub.toAll({ type: 'trust', caBundle: 'PEM' })
    expect(a.told.map((event) => event.type)).toEqual(['ping', 'unbound', 'trust'])
    expect(b.told).toEqual([
      { type: 'unbound', message: 'b' },
      { type: 'trust', caBundle: 'PEM' },
    ])
    expect(c.told).toEqual([{ type: 'trust', caBundle: 'PEM' }])
  })

  test('tells nothing to who has stopped', () => {
    const hub = createHub()
    const a = listen(hub, 'a')
    a.stop?.()
    hub.toAll(ping)
    hub.toPod('a', ping)
    expect(a.told).toEqual([])
    expect(hub.size).toBe(0)
  })

  test('keeps one stream a pod: a new one ends the old, whose late end takes nothing away', () => {
    const hub = createHub()
    const first = listen(hub, 'a')
    const second = listen(hub, 'a')
    expect([first.ended, second.ended, hub.size]).toEqual([1, 0, 1])
    first.stop?.()
    hub.toPod('a', ping)
    expect([first.told, second.told]).toEqual([[], [ping]])
  })

  test('turns a pod too many away, yet lets a known one reconnect', () => {
    const hub = createHub()
    for (let pod = 0; pod < maxListeners; pod++) listen(hub, String(pod))
    expect(listen(hub, 'one-more').stop).toBeUndefined()
    expect(listen(hub, '0').stop).toBeDefined()
    expect(hub.size).toBe(maxListeners)
  })

  test('ends every stream and takes no more once it is closed', () => {
    const hub = createHub()
    const a = listen(hub, 'a')
    hub.close()
    expect(a.ended).toBe(1)
    expect(listen(hub, 'b').stop).toBeUndefined()
  })
})

describe('what a sidecar is told of an approval', () => {
  const request = (spec: object, ...conditions: object[]): ApprovalRequest =>
    ({
      metadata: { name: 'r' },
      spec: { action: { digest: 'd' }, grant: 'Once', expiresAt: '2026-01-01T00:00:00Z', ...spec },
      status: { conditions },
    }) as unknown as ApprovalRequest

  test.each([
    ['Pending', request({})],
    ['Approved', request({ decision: { verdict: 'Approved' } })],
    ['Denied', request({ decision: { verdict: 'Denied' } })],
    ['Expired', request({}, { type: 'Decided', status: 'True', reason: 'Expired' })],
    ['Cancelled', request({}, { type: 'Decided', status: 'True', reason: 'Cancelled' })],
    ['Pending', request({}, { type: 'Decided', status: 'True', reason: 'Approved' })],
    ['Denied', request({ decision: { verdict: 'Denied' } }, { type: 'Decided', status: 'True', reason: 'Approved' })],
  ])('is %s by the decision first, and by the condition only for what no person decides', (outcome, given) => {
    expect(approvalState(given).outcome).toBe(outcome)
  })

  test('says whether it was used, who decided and why', () => {
    const used = request(
      { decision: { verdict: 'Approved', by: 'bob', reason: 'fine' } },
      { type: 'Consumed', status: 'True' },
    )
    expect(approvalState(used)).toMatchObject({ consumed: true, by: 'bob', reason: 'fine' })
  })
})
