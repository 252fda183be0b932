import { describe, expect, test } from '@jest/globals'
import type { AgentSession, ApprovalRequest, ClusterEgressPolicy, ControlEvent, EgressPolicy } from '@chaperone/api'
import type { KubeObject, ReflectorHandler } from '@chaperone/kube'
import { createHub } from './hub.ts'
import { pushChanges, type PushedView } from './push.ts'

/** A watched resource whose changes the test makes. */
function watched<T extends KubeObject>() {
  const handlers: ReflectorHandler<T>[] = []
  const objects = new Map<string, T>()
  return {
    store: {
      list: (namespace?: string) =>
        [...objects.values()].filter((each) => namespace === undefined || each.metadata.namespace === namespace),
    },
    addHandler(handler: ReflectorHandler<T>) {
      handlers.push(handler)
      return () => undefined
    },
    set(object: T) {
      const before = objects.get(object.metadata.name ?? '')
      objects.set(object.metadata.name ?? '', object)
      for (const handler of handlers)
        if (before === undefined) handler.added?.(object)
        else handler.updated?.(object, before)
    },
    delete(object: T) {
      objects.delete(object.metadata.name ?? '')
      for (const handler of handlers) handler.deleted?.(object)
    },
  }
}

const session = (
  change: { uid?: string; default?: string; status?: object; serviceAccounts?: string[] } = {},
): AgentSession =>
  ({
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: {
      name: 'devin',
      namespace: 'agents',
      uid: change.uid ?? 'u1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      agent: { name: 'devin', owner: 'ada' },
      serviceAccounts: change.serviceAccounts ?? ['default'],
      policies: [{ kind: 'EgressPolicy', name: 'read' }],
      egress: { default: change.default ?? 'Deny', rules: [], caBundle: '' },
      masking: { profiles: [] },
      audit: { level: 'Metadata', maxBodyBytes: '64Ki', onUnavailable: 'Block' },
      suspended: false,
    },
    status: change.status ?? {},
  }) as unknown as AgentSession
const policy = (namespace: string): EgressPolicy =>
  ({
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name: 'read', namespace },
    spec: { rules: [] },
  }) as unknown as EgressPolicy
const approval = (change: object = {}): ApprovalRequest =>
  ({
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'ApprovalRequest',
    metadata: { name: 'r', namespace: 'agents' },
    spec: {
      podRef: { name: 'a', uid: 'a' },
      action: { digest: 'd' },
      grant: 'Once',
      expiresAt: '2026-01-01T00:00:00Z',
      ...change,
    },
  }) as unknown as ApprovalRequest

function setUp() {
  const sessions = watched<AgentSession>()
  const policies = watched<EgressPolicy>()
  const clusterPolicies = watched<ClusterEgressPolicy>()
  const approvals = watched<ApprovalRequest>()
  const view: PushedView = {
    sessions,
    policies,
    clusterPolicies,
    approvals,
    index: {
      synced: () => true,
      session: () => undefined,
      sessions: (namespace) => sessions.store.list(namespace),
      policies: (namespace) => policies.store.list(namespace),
      clusterPolicies: () => clusterPolicies.store.list(),
    },
  }
  const hub = createHub()
  pushChanges(view, hub)
  const told: ControlEvent[] = []
  hub.add({
    caller: {
      pod: { namespace: 'agents', name: 'a', uid: 'a' },
      serviceAccount: 'system:serviceaccount:agents:default',
      session: { name: 'devin', uid: 'u1' },
    },
    send: (event) => told.push(event),
    end: () => undefined,
  })
  const types = () => told.splice(0).map((event) => event.type)
  return { sessions, policies, clusterPolicies, approvals, told, types }
}

describe('a listening sidecar is told at once', () => {
  test('of a policy that changed, and not of a status', () => {
    const { sessions, types } = setUp()
    sessions.set(session())
    expect(types()).toEqual(['policy'])
    sessions.set(session({ status: { counters: { requests: 5 } } }))
    expect(types()).toEqual([])
    sessions.set(session({ default: 'Allow' }))
    expect(types()).toEqual(['policy'])
  })

  test('of an EgressPolicy of its namespace that came or went, and not of one elsewhere', () => {
    const { sessions, policies, told, types } = setUp()
    sessions.set(session())
    expect(told.at(-1)).toMatchObject({ policy: { unresolved: [expect.stringContaining('read')] } })
    policies.set(policy('agents'))
    expect(told.at(-1)).toMatchObject({ policy: { unresolved: [] } })
    types()
    policies.set({ ...policy('elsewhere'), metadata: { name: 'elsewhere', namespace: 'elsewhere' } })
    expect(types()).toEqual([])
    policies.delete(policy('agents'))
    expect(types()).toEqual(['policy'])
  })

  test('that its session is gone', () => {
    const { sessions, told } = setUp()
    sessions.set(session())
    sessions.delete(session())
    expect(told.at(-1)).toEqual({ type: 'unbound', message: 'AgentSession "devin" was deleted' })
  })

  test('that a session of the same name is not its own, however alike', () => {
    const { sessions, told } = setUp()
    sessions.set(session())
    sessions.delete(session())
    sessions.set(session({ uid: 'u2' }))
    expect(told.at(-1)).toMatchObject({ type: 'unbound', message: expect.stringContaining('made anew') })
  })

  test('that its account is taken off the list of its session, and that it is back on it', () => {
    const { sessions, told } = setUp()
    sessions.set(session())
    sessions.set(session({ serviceAccounts: ['other'] }))
    expect(told.at(-1)).toEqual({
      type: 'unbound',
      message: 'AgentSession "devin" no longer lists "default" in spec.serviceAccounts',
    })
    sessions.set(session({ serviceAccounts: ['other', 'default'] }))
    expect(told.at(-1)).toMatchObject({ type: 'policy' })
  })

  test('of every change of an approval of its own; deleting one revokes it', () => {
    const { approvals, told, types } = setUp()
    approvals.set(approval())
    approvals.set(approval({ decision: { verdict: 'Approved', by: 'bob' } }))
    expect(told.at(-1)).toMatchObject({ approval: { outcome: 'Approved', by: 'bob' } })
    approvals.delete(approval({ decision: { verdict: 'Approved', by: 'bob' } }))
    expect(told.at(-1)).toMatchObject({ approval: { outcome: 'Cancelled' } })
    expect(types()).toEqual(['approval', 'approval', 'approval'])
    approvals.set(approval({ podRef: { name: 'b', uid: 'b' } }))
    expect(types()).toEqual([])
  })
})
