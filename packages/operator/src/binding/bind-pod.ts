import { labels, type AgentSession } from '@chaperone/api'
import type { Pod } from '../inject/pod.ts'
import { selects } from './selector.ts'

export type Binding =
  | { readonly kind: 'bound'; readonly session: AgentSession }
  | { readonly kind: 'unselected' }
  | { readonly kind: 'refused'; readonly message: string }

/**
 * Which session a pod belongs to: the one its label names, else the only one whose selector matches. Two matches, a name
 * that does not exist, and a service account that the session does not list are errors, not choices.
 */
export function bindPod(pod: Pod, sessions: readonly AgentSession[]): Binding {
  const podLabels = pod.metadata.labels ?? {}
  const named = podLabels[labels.session]
  const candidates =
    named === undefined
      ? sessions.filter((session) => selects(session.spec.selector, podLabels))
      : sessions.filter((session) => session.metadata.name === named)
  const [session, second] = candidates
  if (session === undefined) {
    return named === undefined
      ? { kind: 'unselected' }
      : refused(`metadata.labels["${labels.session}"]: AgentSession "${named}" does not exist in this namespace`)
  }
  if (second !== undefined) {
    const names = candidates.map((candidate) => candidate.metadata.name).sort()
    return refused(
      `metadata.labels: ${names.length} AgentSessions select this pod (${names.join(', ')}); set the label ${labels.session} to one of them`,
    )
  }
  const account = pod.spec.serviceAccountName ?? 'default'
  if (!session.spec.serviceAccounts.includes(account)) {
    return refused(
      `spec.serviceAccountName: "${account}" is not in spec.serviceAccounts of AgentSession "${session.metadata.name}" (${session.spec.serviceAccounts.join(', ')})`,
    )
  }
  if (session.metadata.deletionTimestamp !== undefined)
    return refused(`AgentSession "${session.metadata.name}" is being deleted`)
  return { kind: 'bound', session }
}

const refused = (message: string): Binding => ({ kind: 'refused', message })
