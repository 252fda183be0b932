import { canonicalJson, sha256Hex } from '@chaperone/core'

/** What is recorded; the EventName of the OTLP LogRecord is `chaperone.<kind>`. */
export const recordKinds = [
  'session.started',
  'session.ended',
  'connection.opened',
  'connection.closed',
  'connection.blocked',
  'passthrough',
  'request',
  'response',
  'query',
  'result',
  'message',
  'dns',
  'approval.requested',
  'approval.decided',
  'masked',
  'credential.injected',
  'bypass.attempt',
  'containment.changed',
  'policy.changed',
  'audit.gap',
  'checkpoint',
] as const
export type RecordKind = (typeof recordKinds)[number]

/** Types that every OTLP encoding carries without loss. Numbers are integers. */
export type AttributeValue = string | number | boolean | readonly string[]
export type Attributes = Readonly<Record<string, AttributeValue>>

export interface AuditDraft {
  readonly kind: RecordKind
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>
  /** Masked payload, UTF-8. */
  readonly body?: string
}

/** One link of the chain of one pod. */
export interface AuditRecord {
  /** From 1, without gaps. */
  readonly seq: number
  /** Nanoseconds since the Unix epoch, decimal. */
  readonly time: string
  readonly kind: RecordKind
  readonly attributes: Attributes
  readonly body?: string
  /** Hash of the record before; 64 zeros for the first. */
  readonly prevHash: string
  /** SHA-256 over the canonical JSON of everything above and of the resource, lower-case hexadecimal. */
  readonly hash: string
}

/** Who records: the OTLP resource. Part of every hash, so that records cannot be moved to another chain. */
export type AuditResource = Readonly<Record<string, string>>

export const firstPrevHash = '0'.repeat(64)

/** The hash that `record` should carry. */
export function hashRecord(resource: AuditResource, record: Omit<AuditRecord, 'hash'>): string {
  const { seq, time, kind, attributes, body, prevHash } = record
  return sha256Hex(canonicalJson({ resource, seq, time, event: `chaperone.${kind}`, attributes, body, prev: prevHash }))
}
