import { labels, type ApprovalRequest } from '@chaperone/api'
import { errorText, type Clock } from '@chaperone/core'
import {
  createWorkQueue,
  keyOf,
  runController,
  type EventRecorder,
  type KubeClient,
  type Reconcile,
  type WorkQueue,
} from '@chaperone/kube'
import type { Logger } from 'pino'
import type { ClusterView } from '../cluster-view.ts'
import type { Metrics } from '../metrics.ts'
import { createSessionReconcile } from './agent-session/reconcile.ts'
import { createApprovalReconcile, sessionKeyOf } from './approval-request/reconcile.ts'

export interface ControllerPorts {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventRecorder
  readonly metrics: Metrics
  readonly view: ClusterView
}

/** Runs on the leader until the signal aborts. */
export async function runControllers(ports: ControllerPorts, signal: AbortSignal): Promise<void> {
  const { clock, view, metrics, log } = ports
  const controller = (name: string, reconcile: Reconcile): { queue: WorkQueue; run: () => Promise<void> } => {
    const observers = metrics.controller(name)
    const queue = createWorkQueue({ clock, observer: observers.queue })
    const observer = {
      ...observers.controller,
      failed: (key: string, error: unknown, failures: number) => {
        observers.controller.failed?.(key, error, failures)
        log.warn({ controller: name, key, failures, error: errorText(error) }, 'reconcile failed')
      },
    }
    return { queue, run: () => runController({ clock, queue, reconcile, workers: 4, observer, signal }) }
  }
  const stores = {
    approvals: view.approvals.store,
    pods: view.pods.store,
    networkPolicies: view.networkPolicies.store,
  }
  const session = controller('agentsession', createSessionReconcile({ ...ports, ...stores, index: view.index }))
  const approval = controller('approvalrequest', createApprovalReconcile({ ...ports, ...stores }))

  const all = (namespace?: string) => {
    for (const each of view.sessions.store.list(namespace)) session.queue.add(keyOf(each))
  }
  const onApproval = (request: ApprovalRequest) => {
    approval.queue.add(keyOf(request))
    session.queue.add(sessionKeyOf(request))
  }
  /** Whatever carries the label of a session. */
  const onLabelled = ({
    metadata,
  }: {
    metadata: { namespace?: string; labels?: Readonly<Record<string, string>>; uid?: unknown }
  }) => {
    const name = metadata.labels?.[labels.session]
    if (name !== undefined) session.queue.add(`${metadata.namespace ?? ''}/${name}`)
  }
  const onPodGone = (pod: Parameters<typeof onLabelled>[0]) => {
    onLabelled(pod)
    for (const request of view.approvals.store.list(pod.metadata.namespace))
      if (request.spec.podRef.uid === pod.metadata.uid) approval.queue.add(keyOf(request))
  }
  const removals = [
    view.sessions.addHandler({
      added: (each) => session.queue.add(keyOf(each)),
      updated: (each) => session.queue.add(keyOf(each)),
    }),
    view.policies.addHandler({
      added: (each) => all(each.metadata.namespace),
      updated: (each) => all(each.metadata.namespace),
      deleted: (each) => all(each.metadata.namespace),
    }),
    view.clusterPolicies.addHandler({ added: () => all(), updated: () => all(), deleted: () => all() }),
    view.approvals.addHandler({
      added: onApproval,
      updated: onApproval,
      deleted: (request) => session.queue.add(sessionKeyOf(request)),
    }),
    view.pods.addHandler({ added: onLabelled, updated: onLabelled, deleted: onPodGone }),
    // Somebody may have changed or removed it.
    view.networkPolicies.addHandler({ updated: onLabelled, deleted: onLabelled }),
  ]
  await Promise.all([session.run(), approval.run()])
  for (const remove of removals) remove()
}
