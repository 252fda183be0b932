import type { AgentSession, ApprovalRequest, ClusterEgressPolicy, ControlEvent, EgressPolicy } from '@chaperone/api'
import type { KubeObject, Reflector, Store } from '@chaperone/kube'
import { sessionPolicy } from '../binding/session-policy.ts'
import type { ClusterView } from '../cluster-view.ts'
import type { Caller } from './caller.ts'
import { approvalState, type Hub } from './hub.ts'
import { policyEvent, unbound } from './policy-event.ts'

type Watched<T extends KubeObject> = Pick<Reflector<T>, 'addHandler'>

/** The part of the cluster that sidecars are told of. */
export interface PushedView extends Pick<ClusterView, 'index'> {
  readonly sessions: Watched<AgentSession> & { readonly store: Pick<Store<AgentSession>, 'list'> }
  readonly policies: Watched<EgressPolicy>
  readonly clusterPolicies: Watched<ClusterEgressPolicy>
  readonly approvals: Watched<ApprovalRequest>
}

/** Tells listening sidecars at once what a change in the cluster means for them. */
export function pushChanges(view: PushedView, hub: Hub): void {
  const sent = new Map<string, string>()
  const keyOf = (session: AgentSession) => `${session.metadata.namespace ?? ''}/${session.metadata.name}`
  const tell = ({ metadata }: AgentSession, event: (caller: Caller) => ControlEvent) =>
    hub.toSession(metadata.namespace ?? '', metadata.name, event)
  const pushSession = (session: AgentSession) => {
    const policy = sessionPolicy(view.index, session)
    const identity = [session.metadata.uid, policy.hash, ...session.spec.serviceAccounts].join(' ')
    // Status changes every few seconds; only what is judged by is worth telling.
    if (sent.get(keyOf(session)) === identity) return
    sent.set(keyOf(session), identity)
    tell(session, (caller) => policyEvent(session, caller, () => policy))
  }
  const pushAll = (namespace?: string) => {
    for (const session of view.sessions.store.list(namespace)) pushSession(session)
  }
  view.sessions.addHandler({
    added: pushSession,
    updated: pushSession,
    deleted(session) {
      sent.delete(keyOf(session))
      tell(session, (caller) => unbound(undefined, caller))
    },
  })
  const onPolicy = (policy: { metadata: { namespace?: string } }) => pushAll(policy.metadata.namespace)
  view.policies.addHandler({ added: onPolicy, updated: onPolicy, deleted: onPolicy })
  view.clusterPolicies.addHandler({ added: () => pushAll(), updated: () => pushAll(), deleted: () => pushAll() })
  const onApproval = (request: ApprovalRequest) =>
    hub.toPod(request.spec.podRef.uid, { type: 'approval', approval: approvalState(request) })
  view.approvals.addHandler({
    added: onApproval,
    updated: onApproval,
    // A deleted approval is a revoked one.
    deleted: (request) =>
      hub.toPod(request.spec.podRef.uid, {
        type: 'approval',
        approval: { ...approvalState(request), outcome: 'Cancelled' },
      }),
  })
}
