import type { Lease, LeaseSpec } from './lease-record.ts'

/**
 * Judges another's lease by our own clock alone: it has expired when its record has not changed for its duration, as we
 * saw it. Times written by others are never compared with ours, so their clocks may be wrong.
 */
export interface LeaseObservation {
  see(lease: Lease, elapsedMs: number): void
  /** Whether somebody else holds it. */
  isHeld(elapsedMs: number): boolean
  /** Empty when released or never seen. */
  holder(): string
}

/** A record that claims a longer duration is not believed for longer. */
const maxDurationMs = 300_000

export function createLeaseObservation(identity: string): LeaseObservation {
  let record = ''
  let spec: LeaseSpec = {}
  let changedMs = 0
  return {
    see(lease, elapsedMs) {
      const seen = JSON.stringify([lease.metadata.uid, lease.spec])
      if (seen === record) return
      record = seen
      spec = lease.spec ?? {}
      changedMs = elapsedMs
    },
    isHeld(elapsedMs) {
      const { holderIdentity = '', leaseDurationSeconds = 0 } = spec
      if (holderIdentity === '' || holderIdentity === identity) return false
      return elapsedMs < changedMs + Math.min(leaseDurationSeconds * 1000, maxDurationMs)
    },
    holder: () => spec.holderIdentity ?? '',
  }
}
