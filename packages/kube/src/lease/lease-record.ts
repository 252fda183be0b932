import type { KubeObject } from '../client/object.ts'
import type { Resource } from '../client/resource.ts'

/** coordination.k8s.io/v1 Lease. */
export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec
}

export interface LeaseSpec {
  /** Empty: released. */
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}

/** metav1.MicroTime: six digits of a second, which the server insists on. */
export function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z')
}

/** The record by which `identity` takes over from, or stays after, `before`. */
export function heldBy(identity: string, before: LeaseSpec, at: { nowMs: number; durationMs: number }): LeaseSpec {
  const now = microTime(at.nowMs)
  const stays = before.holderIdentity === identity
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(at.durationMs / 1000),
    acquireTime: (stays ? before.acquireTime : undefined) ?? now,
    renewTime: now,
    leaseTransitions: (before.leaseTransitions ?? 0) + (stays ? 0 : 1),
  }
}

/** The record that lets anybody take over at once. */
export function released(before: LeaseSpec, nowMs: number): LeaseSpec {
  return { ...before, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(nowMs) }
}
