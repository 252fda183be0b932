import type { Clock, Random } from '@chaperone/core'
import { isAborted, pause } from '../abort-signal.ts'
import type { CallOptions, KubeClient } from '../client/kube-client.ts'
import { isKubeError, LeaseLostError } from '../errors.ts'
import { createLeaseObservation, type LeaseObservation } from './lease-observation.ts'
import { heldBy, leases, released, type Lease } from './lease-record.ts'

/** `released`: we stopped in order and let go. `lost`: leave the process. `never`: stopped before leading. */
export type LeaseOutcome = 'released' | 'lost' | 'never'

/** For metrics and logs. */
export interface LeaseObserver {
  /** leader_election_master_status */
  leading?(leads: boolean): void
  /** Somebody else, or nobody (empty), is now the leader. */
  holderChanged?(identity: string): void
  /** A request failed; it will be tried again. */
  failed?(error: unknown): void
}

export interface LeaseElectorOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'update'>
  readonly clock: Clock
  readonly random: Random
  readonly namespace: string
  readonly name: string
  /** Of this process and no other, not even its successor: pod name and a random part. */
  readonly identity: string
  /**
   * The leader's work; resolves once it has stopped, soon after its signal aborts. The lease is renewed until then, so
   * that nobody else starts before we have ended.
   */
  readonly onStartedLeading: (signal: AbortSignal) => Promise<void>
  /** Called once after leading. After `lost` somebody else may lead already: nothing more may be written. */
  readonly onStoppedLeading?: (outcome: 'released' | 'lost') => void
  readonly observer?: LeaseObserver
  readonly durations?: LeaseDurations
}

export interface LeaseDurations {
  /** Others take over when they have seen no renewal for this long. */
  readonly leaseMs: number
  /** We stop leading when we have not renewed for this long; less than `leaseMs`, more than two retries. */
  readonly renewDeadlineMs: number
  /** Between renewals, and the longest pause between attempts to take over. */
  readonly retryMs: number
}

/** Campaigns for a Lease and leads while it holds it. */
export interface LeaseElector {
  /**
   * Campaigns, leads once, and resolves. Aborting the signal stops the work, then releases the lease. Rejects only with
   * what `onStartedLeading` rejected with, after releasing. To be called once.
   */
  run(signal: AbortSignal): Promise<LeaseOutcome>
  /** Whether we lead now; false as soon as the renewal is overdue, even when no timer has noticed. */
  isLeader(): boolean
  /** The identity of the leader as last seen. */
  holder(): string
}

/** Kubernetes' own components. */
const defaultDurations: LeaseDurations = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 }
/** To release; the process is about to end. */
const releaseTimeoutMs = 5000

export function createLeaseElector(options: LeaseElectorOptions): LeaseElector {
  return new Elector(options)
}

class Elector implements LeaseElector {
  readonly #options: LeaseElectorOptions
  readonly #durations: LeaseDurations
  readonly #observation: LeaseObservation
  /** As last written or read; its resource version is the lock of the next write. */
  #lease: Lease | undefined
  /** When the last successful renewal was sent: what others count from can only be later. */
  #renewedMs: number | undefined

  constructor(options: LeaseElectorOptions) {
    this.#options = options
    this.#durations = options.durations ?? defaultDurations
    this.#observation = createLeaseObservation(options.identity)
  }

  isLeader(): boolean {
    return this.#renewedMs !== undefined && this.#nowMs() < this.#renewedMs + this.#durations.renewDeadlineMs
  }

  holder(): string {
    return this.#observation.holder()
  }

  async run(signal: AbortSignal): Promise<LeaseOutcome> {
    const won = await this.#campaign(signal)
    if (isAborted(signal)) {
      if (won) await this.#release()
      return 'never'
    }
    const { onStartedLeading, onStoppedLeading, observer } = this.#options
    observer?.leading?.(true)
    const leading = new AbortController()
    const stop = (): void => leading.abort(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    const ended = new AbortController()
    const work = onStartedLeading(leading.signal).finally(() => ended.abort())
    work.catch(() => undefined)
    try {
      await this.#keep(ended.signal)
    } catch (error) {
      this.#renewedMs = undefined
      observer?.leading?.(false)
      leading.abort(error)
      onStoppedLeading?.('lost')
      return 'lost'
    } finally {
      signal.removeEventListener('abort', stop)
    }
    await this.#release()
    observer?.leading?.(false)
    onStoppedLeading?.('released')
    await work
    return 'released'
  }

  /** Resolves to true once we hold the lease, to false when the signal aborts first. */
  async #campaign(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        if (await this.#tryToTake(signal)) return true
      } catch (error) {
        if (!isAborted(signal)) this.#options.observer?.failed?.(error)
      }
      // Half the pause at least, so that candidates spread; never more, so that a released lease is taken within it.
      const pauseMs = this.#durations.retryMs * (0.5 + 0.5 * this.#options.random.fraction())
      await pause(this.#options.clock, pauseMs, signal)
    }
    return false
  }

  async #tryToTake(signal: AbortSignal): Promise<boolean> {
    const { client, identity, name, namespace } = this.#options
    const calls = { timeoutMs: this.#durations.renewDeadlineMs }
    try {
      this.#see(await client.get(leases, { namespace, name }, { ...calls, signal }))
    } catch (error) {
      if (!isKubeError(error, 'ERR_KUBE_NOT_FOUND')) throw error
      const spec = { ...heldBy(identity, {}, this.#times()), leaseTransitions: 0 }
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec }
      return this.#took(client.create(leases, lease, calls), this.#nowMs())
    }
    if (this.#lease === undefined || this.#observation.isHeld(this.#nowMs())) return false
    return this.#took(client.update(leases, this.#renewed(this.#lease), calls), this.#nowMs())
  }

  /** Somebody else being faster is not a failure. Never aborted: what was written must be known, to be released. */
  async #took(write: Promise<Lease>, sentMs: number): Promise<boolean> {
    try {
      this.#see(await write)
    } catch (error) {
      if (isKubeError(error, 'ERR_KUBE_CONFLICT', 'ERR_KUBE_ALREADY_EXISTS')) return false
      throw error
    }
    this.#renewedMs = sentMs
    return true
  }

  /** Renews until the signal aborts. Rejects with LeaseLostError. */
  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { retryMs } = this.#durations
      await pause(this.#options.clock, Math.min(retryMs, Math.max(0, this.#untilDeadlineMs())), signal)
      if (isAborted(signal)) return
      const timeoutMs = this.#untilDeadlineMs()
      if (timeoutMs <= 0) throw new LeaseLostError('lease: expected a renewal within its deadline')
      try {
        await this.#renew({ timeoutMs })
      } catch (error) {
        if (error instanceof LeaseLostError) throw error
        this.#options.observer?.failed?.(error)
      }
    }
  }

  async #renew(calls: CallOptions): Promise<void> {
    const { client, identity, name, namespace } = this.#options
    try {
      await this.#write(calls)
    } catch (error) {
      if (!isKubeError(error, 'ERR_KUBE_CONFLICT', 'ERR_KUBE_NOT_FOUND')) throw error
      // Our own write whose answer was lost, somebody's label, or a usurper: only a fresh read can tell.
      const lease = await client.get(leases, { namespace, name }, calls).catch((failure: unknown) => {
        throw isKubeError(failure, 'ERR_KUBE_NOT_FOUND') ? new LeaseLostError('lease: expected to exist') : failure
      })
      this.#see(lease)
      if (this.holder() !== identity) throw new LeaseLostError('lease: expected to be its holder')
      await this.#write(calls)
    }
  }

  async #write(calls: CallOptions): Promise<void> {
    if (this.#lease === undefined) return
    const sentMs = this.#nowMs()
    this.#see(await this.#options.client.update(leases, this.#renewed(this.#lease), calls))
    this.#renewedMs = sentMs
  }

  async #release(): Promise<void> {
    const { client, clock, observer } = this.#options
    this.#renewedMs = undefined
    if (this.#lease === undefined) return
    const spec = released(this.#lease.spec ?? {}, clock.now())
    try {
      this.#see(await client.update(leases, { ...this.#lease, spec }, { timeoutMs: releaseTimeoutMs }))
    } catch (error) {
      // It expires by itself.
      observer?.failed?.(error)
    }
  }

  #see(lease: Lease): void {
    const before = this.#observation.holder()
    this.#lease = lease
    this.#observation.see(lease, this.#nowMs())
    const after = this.#observation.holder()
    if (after !== before) this.#options.observer?.holderChanged?.(after)
  }

  #renewed(lease: Lease): Lease {
    return { ...lease, spec: heldBy(this.#options.identity, lease.spec ?? {}, this.#times()) }
  }

  #times(): { nowMs: number; durationMs: number } {
    return { nowMs: this.#options.clock.now(), durationMs: this.#durations.leaseMs }
  }

  #untilDeadlineMs(): number {
    return (this.#renewedMs ?? -Infinity) + this.#durations.renewDeadlineMs - this.#nowMs()
  }

  #nowMs(): number {
    return this.#options.clock.elapsedMs()
  }
}
