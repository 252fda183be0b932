import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { AgentSession, AgentSessionStatus, EffectivePolicy, PodStatus } from '@chaperone/api'
import { sessionStatus } from './status.ts'

const nowMs = Date.parse('2026-01-01T12:00:00Z')
const minuteMs = 60_000
const iso = (ms: number) => new Date(ms).toISOString()

const session = (status: AgentSessionStatus = {}, spec: object = {}): AgentSession =>
  ({
    metadata: { name: 'devin', generation: 3 },
    spec: { suspended: false, ...spec },
    status,
  }) as unknown as AgentSession
/** Every pod has a guard. */
const guarded = { guardless: { uids: new Set<string>() } }
const policy = (change: Partial<EffectivePolicy> = {}): EffectivePolicy =>
  ({ hash: 'h', unresolved: [], ...change }) as unknown as EffectivePolicy
type Guardless = Parameters<typeof sessionStatus>[1]['guardless']
const pod = (uid: string, change: Partial<PodStatus> = {}): PodStatus => ({
  uid,
  name: `pod-${uid}`,
  contained: true,
  lastHeartbeatTime: iso(nowMs),
  requests: 0,
  denied: 0,
  masked: 0,
  audit: { sequence: 0, head: '', deliveredSequence: 0 },
  ...change,
})
/** Live pods, created an hour ago. */
const live = (...uids: string[]) => new Map(uids.map((uid) => [uid, nowMs - 60 * minuteMs]))
/** `type: status reason`. */
const said = (status: AgentSessionStatus, type: string) => {
  const condition = status.conditions?.find((each) => each.type === type)
  return `${condition?.status ?? ''} ${condition?.reason ?? ''}`
}

describe('the conditions of a session', () => {
  const judged = (
    status: AgentSessionStatus,
    more: { spec?: object; policy?: Partial<EffectivePolicy>; live?: Map<string, number>; guardless?: Guardless } = {},
  ) =>
    sessionStatus(
      session(status, more.spec),
      {
        ...guarded,
        policy: policy(more.policy),
        livePods: more.live ?? live('a'),
        ...(more.guardless === undefined ? {} : { guardless: more.guardless }),
        pending: 0,
      },
      nowMs,
    )
  const well = { pods: [pod('a')] }

  test.each<[string, Parameters<typeof judged>, Record<string, string>]>([
    [
      'all well',
      [well],
      {
        Ready: 'True Ready',
        PolicyResolved: 'True Resolved',
        Contained: 'True Verified',
        AuditDelivered: 'True Delivered',
        Expired: 'False WithinLimits',
      },
    ],
    [
      'no pod yet',
      [{}, { live: new Map() }],
      { Ready: 'True Ready', Contained: 'Unknown NoPods', AuditDelivered: 'Unknown NoPods' },
    ],
    [
      'a pod that has just started',
      [well, { live: new Map([...live('a'), ['new', nowMs - 1000]]) }],
      { Ready: 'True Ready', Contained: 'True Verified' },
    ],
    [
      'a pod that never reported',
      [well, { live: live('a', 'b') }],
      { Ready: 'Unknown SidecarSilent', Contained: 'Unknown SidecarSilent' },
    ],
    [
      'a pod that fell silent',
      [{ pods: [pod('a', { lastHeartbeatTime: iso(nowMs - 3 * minuteMs) })] }],
      { Ready: 'Unknown SidecarSilent', Contained: 'Unknown SidecarSilent' },
    ],
    [
      'a way out',
      [{ pods: [pod('a', { contained: false, containedMessage: 'reached 1.1.1.1' })] }],
      { Ready: 'False EscapeFound', Contained: 'False EscapeFound' },
    ],
    [
      'a pod whose self-test is overdue',
      [{ pods: [pod('a', { contained: false, containedReason: 'CheckOverdue' })] }],
      { Ready: 'Unknown CheckOverdue', Contained: 'Unknown CheckOverdue' },
    ],
    [
      'a pod without a self-test',
      [{ pods: [pod('a', { contained: false, containedReason: 'NotReported' })] }],
      { Ready: 'Unknown NotReported', Contained: 'Unknown NotReported' },
    ],
    [
      'a pod that waits for its first self-test',
      [
        { pods: [pod('a'), pod('new', { contained: false, containedReason: 'NotReported' })] },
        { live: new Map([...live('a'), ['new', nowMs - 1000]]) },
      ],
      { Ready: 'True Ready', Contained: 'True Verified' },
    ],
    [
      'a way out and a pod whose self-test is overdue',
      [
        {
          pods: [
            pod('a', { contained: false, containedReason: 'CheckOverdue' }),
            pod('b', { contained: false, containedReason: 'EscapeFound' }),
          ],
        },
        { live: live('a', 'b') },
      ],
      { Ready: 'False EscapeFound', Contained: 'False EscapeFound' },
    ],
    [
      'a way out and a silent pod',
      [{ pods: [pod('a', { contained: false })] }, { live: live('a', 'b') }],
      { Ready: 'False EscapeFound' },
    ],
    [
      'a reference to nothing',
      [well, { policy: { unresolved: ['spec.policies[0]: missing'] } }],
      { Ready: 'False MissingReference', PolicyResolved: 'False MissingReference' },
    ],
    [
      'a collector that is behind',
      [{ pods: [pod('a', { audit: { sequence: 9, head: '', deliveredSequence: 1, message: 'refused' } })] }],
      { Ready: 'False CollectorBehind', AuditDelivered: 'False CollectorBehind' },
    ],
    [
      'a session whose time is up',
      [well, { policy: { expiresAt: iso(nowMs) } }],
      { Ready: 'False Expired', Expired: 'True LimitReached' },
    ],
    ['a suspended session', [well, { spec: { suspended: true } }], { Ready: 'False Suspended' }],
  ])('of %s', (_, args, expected) => {
    const status = judged(...args)
    for (const [type, text] of Object.entries(expected)) expect([type, said(status, type)]).toEqual([type, text])
  })

  describe('of pods without a guard', () => {
    const [a, b] = [pod('a', { contained: false, containedMessage: 'no guard' }), pod('b')]
    const messageOf = (guardless: Guardless) =>
      judged({ pods: [a] }, { guardless }).conditions?.find(({ type }) => type === 'Contained')?.message

    test('are never better than that, whatever a sidecar reports', () => {
      for (const pods of [[a], [a, b], [pod('a')]]) {
        const status = judged({ pods }, { live: live('a', 'b'), guardless: { uids: new Set(['a']) } })
        expect([said(status, 'Contained'), said(status, 'Ready')]).toEqual(['False ProxyMode', 'False ProxyMode'])
      }
    })

    test('are worse when another pod has a way out in spite of its guard', () => {
      const pods = [a, pod('b', { contained: false, containedMessage: 'reached 1.1.1.1' })]
      const status = judged({ pods }, { live: live('a', 'b'), guardless: { uids: new Set(['a']) } })
      expect(said(status, 'Contained')).toBe('False EscapeFound')
      expect(status.conditions?.find(({ type }) => type === 'Contained')?.message).toBe('pod-b: reached 1.1.1.1')
    })

    test('say what is not promised, what limits it, and that the limit may be missing', () => {
      const uids = new Set(['a'])
      expect(messageOf({ uids })).toMatch(
        /^1 pods have no guard.*neither seen nor stopped; NetworkPolicy chaperone-devin limits it, where the network of the cluster enforces it/,
      )
      expect(messageOf({ uids, unlimited: 'forbidden' })).toContain('could not be written: forbidden')
    })
  })

  test('name the pod and what was found, in at most 1024 characters', () => {
    const found = { contained: false, containedMessage: 'reached 1.1.1.1:443' }
    const message = (pods: PodStatus[]) =>
      judged({ pods }, { live: live(...pods.map((each) => each.uid)) }).conditions?.find(
        (each) => each.type === 'Contained',
      )?.message
    expect(message([pod('a', found)])).toBe('pod-a: reached 1.1.1.1:443')
    expect(message(Array.from({ length: 200 }, (_, each) => pod(String(each), found)))).toHaveLength(1024)
  })

  test('tell when pods were tested: each that is not contained, and of the others the one that waits longest', () => {
    const at = (minutes: number) => ({ lastCheckTime: iso(nowMs - minutes * minuteMs) })
    const message = (...pods: PodStatus[]) =>
      judged({ pods }, { live: live(...pods.map((each) => each.uid)) }).conditions?.find(
        (each) => each.type === 'Contained',
      )?.message
    expect(message(pod('a', at(1)), pod('b', at(4)))).toBe(
      'the self-test of 2 pods found no way around the sidecar, last at 2026-01-01T11:56:00.000Z or later',
    )
    expect(message(pod('a', { ...at(1), contained: false, containedMessage: 'UDP is open' }), pod('b', at(4)))).toBe(
      'pod-a at 2026-01-01T11:59:00.000Z: UDP is open',
    )
  })

  test('move lastTransitionTime only when their status changes', () => {
    const first = judged(well)
    const later = nowMs + minuteMs
    const observed = (status: AgentSessionStatus, change: Partial<PodStatus>) =>
      sessionStatus(
        session({ ...status, pods: [pod('a', { lastHeartbeatTime: iso(later), ...change })] }),
        { ...guarded, policy: policy(), livePods: live('a'), pending: 0 },
        later,
      )
    const times = (status: AgentSessionStatus) =>
      Object.fromEntries((status.conditions ?? []).map((each) => [each.type, each.lastTransitionTime]))
    expect(times(observed(first, {}))).toEqual(times(first))
    const escaped = observed(first, { contained: false, containedMessage: 'one' })
    expect(times(escaped)).toEqual({ ...times(first), Contained: iso(later), Ready: iso(later) })
    const muchLater = sessionStatus(
      session({
        ...escaped,
        pods: [pod('a', { contained: false, containedMessage: 'another', lastHeartbeatTime: iso(later + minuteMs) })],
      }),
      { ...guarded, policy: policy(), livePods: live('a'), pending: 0 },
      later + minuteMs,
    )
    expect(times(muchLater)).toEqual(times(escaped))
    expect(muchLater.conditions?.find((each) => each.type === 'Contained')?.message).toBe('pod-a: another')
  })

  test('leave those of others alone', () => {
    const others = {
      type: 'BudgetReviewed',
      status: 'True',
      reason: 'R',
      message: '',
      lastTransitionTime: iso(0),
    } as const
    expect(judged({ ...well, conditions: [others] }).conditions).toContainEqual(others)
  })
})

describe('the counters of a session', () => {
  test('are the sums over live and gone pods; what was gone is counted once', () => {
    const status = sessionStatus(
      session({
        pods: [pod('a', { requests: 5, denied: 1, masked: 2 }), pod('b', { requests: 7, denied: 3, masked: 4 })],
        retired: { requests: 100, denied: 10, masked: 1 },
      }),
      { ...guarded, policy: policy(), livePods: live('a', 'c'), pending: 2 },
      nowMs,
    )
    expect(status.counters).toEqual({ pods: 2, requests: 112, denied: 14, masked: 7, pending: 2 })
    expect(status.retired).toEqual({ requests: 107, denied: 13, masked: 5 })
    expect(status.pods?.map((each) => each.uid)).toEqual(['a'])
    const again = sessionStatus(
      session(status),
      { ...guarded, policy: policy(), livePods: live('a', 'c'), pending: 2 },
      nowMs,
    )
    expect(again).toEqual(status)
  })

  test('never shrink, whichever pods come and go', () => {
    const uid = fc.constantFrom('a', 'b', 'c', 'd')
    fc.assert(
      fc.property(fc.array(fc.record({ alive: fc.uniqueArray(uid), reports: uid })), (steps) => {
        let status: AgentSessionStatus = {}
        let before = 0
        for (const { alive, reports } of steps) {
          const known = status.pods?.find((each) => each.uid === reports)?.requests ?? 0
          const others = (status.pods ?? []).filter((each) => each.uid !== reports)
          const pods = alive.includes(reports)
            ? [...others, pod(reports, { requests: known + 1 })]
            : (status.pods ?? [])
          status = sessionStatus(
            session({ ...status, pods }),
            { ...guarded, policy: policy(), livePods: live(...alive), pending: 0 },
            nowMs,
          )
          expect(status.counters?.requests).toBeGreaterThanOrEqual(before)
          before = status.counters?.requests ?? 0
        }
      }),
    )
  })
})

test('the status says which generation and which policy it speaks of, and when the session ends', () => {
  const status = sessionStatus(
    session(),
    { ...guarded, policy: policy({ expiresAt: iso(nowMs + 1) }), livePods: new Map(), pending: 0 },
    nowMs,
  )
  expect(status).toMatchObject({ observedGeneration: 3, policyHash: 'h', expiresAt: iso(nowMs + 1) })
  expect(new Set(status.conditions?.map((each) => each.observedGeneration))).toEqual(new Set([3]))
})
