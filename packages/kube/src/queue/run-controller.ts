import type { Clock } from '@chaperone/core'
import { pause, whenAborted } from '../abort-signal.ts'
import { withDeadline } from '../deadline.ts'
import { ReconcileTimeoutError } from '../errors.ts'
import type { WorkQueue } from './work-queue.ts'

/** What a reconcile wants next. Asking to be called again is not an error and has no back-off. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number
}

/**
 * Makes the world agree with the object `key`, which may be gone. Level-triggered and idempotent; called for one key at
 * a time. The signal aborts at the time limit and when a shutdown has waited long enough.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult>

/** For metrics, named as controller-runtime's; durations in seconds. */
export interface ControllerObserver {
  /** controller_runtime_reconcile_total{result}, controller_runtime_reconcile_time_seconds */
  reconciled?(result: 'success' | 'requeue_after' | 'error', seconds: number): void
  /** controller_runtime_reconcile_errors_total, and the log line */
  failed?(key: string, error: unknown, failures: number): void
  /** controller_runtime_active_workers */
  activeWorkers?(workers: number): void
}

export interface ControllerOptions {
  readonly clock: Clock
  readonly queue: WorkQueue
  readonly reconcile: Reconcile
  /** Keys worked on at the same time; default: 1. */
  readonly workers?: number
  readonly observer?: ControllerObserver
  /** Of one reconcile; default: 60 s. */
  readonly timeoutMs?: number
  /** Stops handing out keys, then waits for the reconciles under way. */
  readonly signal: AbortSignal
}

/** Well above the sum of a few API calls (30 s each at worst); a longer one is stuck. */
const defaultTimeoutMs = 60_000
/** How long a shutdown waits for reconciles under way before it aborts them: leaves time to release the lease. */
const drainMs = 20_000

/** Works on the queue until the signal aborts. Never rejects: what a reconcile throws is retried with back-off. */
export async function runController(options: ControllerOptions): Promise<void> {
  const { clock, queue, signal, workers = 1, observer = {} } = options
  const giveUp = new AbortController()
  let active = 0
  const work = async (): Promise<void> => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      observer.activeWorkers?.((active += 1))
      await processKey(options, key, giveUp.signal)
      observer.activeWorkers?.((active -= 1))
    }
  }
  const working = Promise.all(Array.from({ length: workers }, work))
  await whenAborted(signal)
  const drained = new AbortController()
  await Promise.race([Promise.all([queue.shutDown(), working]), pause(clock, drainMs, drained.signal)])
  drained.abort()
  giveUp.abort(signal.reason)
}

async function processKey(options: ControllerOptions, key: string, signal: AbortSignal): Promise<void> {
  const { clock, queue, reconcile, observer = {}, timeoutMs = defaultTimeoutMs } = options
  const startedMs = clock.elapsedMs()
  const seconds = (): number => (clock.elapsedMs() - startedMs) / 1000
  const timeoutError = (): ReconcileTimeoutError => new ReconcileTimeoutError(timeoutMs)
  try {
    const { requeueAfterMs } = await withDeadline(clock, { timeoutMs, timeoutError, signal }, (limited) =>
      reconcile(key, limited),
    )
    queue.forget(key)
    if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs)
    observer.reconciled?.(requeueAfterMs === undefined ? 'success' : 'requeue_after', seconds())
  } catch (error) {
    queue.addRateLimited(key)
    observer.reconciled?.('error', seconds())
    observer.failed?.(key, error, queue.failures(key))
  } finally {
    queue.done(key)
  }
}
