import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ControllerObserver, WorkQueueObserver } from '@chaperone/kube'

/** Named as controller-runtime names them, so that its dashboards work. */
export interface Metrics {
  readonly registry: Registry
  controller(name: string): { readonly controller: ControllerObserver; readonly queue: WorkQueueObserver }
  leading(leads: boolean): void
  admission(path: string, status: number, seconds: number): void
  listeners(count: () => number): void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciles by result.',
    labelNames: ['controller', 'result'],
    registers,
  })
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Reconciles that failed.',
    labelNames: ['controller'],
    registers,
  })
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of a reconcile.',
    labelNames: ['controller'],
    registers,
  })
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait.', labelNames: ['name'], registers })
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', labelNames: ['name'], registers })
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added again after a failure.',
    labelNames: ['name'],
    registers,
  })
  const queued = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long keys wait.',
    labelNames: ['name'],
    registers,
  })
  const leader = new Gauge({
    name: 'leader_election_master_status',
    help: '1 while this replica leads.',
    labelNames: ['name'],
    registers,
  })
  const leading = (leads: boolean): void => leader.set({ name: 'chaperone-operator' }, leads ? 1 : 0)
  leading(false)
  const admissions = new Histogram({
    name: 'controller_runtime_webhook_latency_seconds',
    help: 'Length of an admission call.',
    labelNames: ['webhook', 'code'],
    registers,
  })
  const listeners = new Gauge({
    name: 'chaperone_control_listeners',
    help: 'Sidecars that listen on this replica.',
    registers,
  })
  return {
    registry,
    controller: (name) => ({
      controller: {
        reconciled(result, seconds) {
          reconciles.inc({ controller: name, result })
          time.observe({ controller: name }, seconds)
        },
        failed: () => errors.inc({ controller: name }),
      },
      queue: {
        added: () => adds.inc({ name }),
        depth: (keys) => depth.set({ name }, keys),
        started: (seconds) => queued.observe({ name }, seconds),
        retried: () => retries.inc({ name }),
      },
    }),
    leading,
    admission: (webhook, code, seconds) => admissions.observe({ webhook, code: String(code) }, seconds),
    listeners(count) {
      Object.assign(listeners, { collect: () => listeners.set(count()) })
    },
  }
}
