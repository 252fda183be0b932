import type { AgentSession, ControlEvent, EffectivePolicy } from '@chaperone/api'
import type { Caller } from './caller.ts'

/**
 * What a sidecar is told of the session that now has the name of its own: the policy, or why it has none. A pod is bound
 * once, when it is made; whatever is made, changed or deleted later, and in whatever order, can only take it out.
 */
export function policyEvent(
  session: AgentSession | undefined,
  caller: Caller,
  policy: (session: AgentSession) => EffectivePolicy,
): ControlEvent {
  if (belongs(session, caller)) return { type: 'policy', policy: policy(session), pod: caller.pod }
  return unbound(session, caller)
}

/** Why a pod does not belong to the session that now has the name of its own, or to none. */
export function unbound(session: AgentSession | undefined, caller: Caller): ControlEvent {
  return { type: 'unbound', message: `AgentSession "${caller.session.name}" ${whyNot(session, caller)}` }
}

/** Whether the pod belongs to the session: not to one made anew under the name, nor once its account is taken off the list. */
export function belongs(session: AgentSession | undefined, caller: Caller): session is AgentSession {
  return session?.metadata.uid === caller.session.uid && session.spec.serviceAccounts.includes(accountName(caller))
}

function whyNot(session: AgentSession | undefined, caller: Caller): string {
  if (session === undefined) return 'was deleted'
  if (session.metadata.uid !== caller.session.uid) return 'was made anew; start the pod again'
  return `no longer lists "${accountName(caller)}" in spec.serviceAccounts`
}

/** Of `system:serviceaccount:NAMESPACE:NAME`. */
const accountName = ({ serviceAccount }: Caller): string => serviceAccount.split(':').at(-1) ?? ''
