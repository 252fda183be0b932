import type { AuditRecord, AuditResource } from '../record/audit-record.ts'

export type SendResult =
  | { readonly kind: 'sent' }
  /** Worth trying again, not before `afterMs`. */
  | { readonly kind: 'retry'; readonly message: string; readonly afterMs?: number }
  /** The receiver will not take it as it is; we keep it and say so. */
  | { readonly kind: 'refused'; readonly message: string }

/** Where records go. `send` never rejects for anything that the receiver or the network does. */
export interface Sink {
  send(resource: AuditResource, records: readonly AuditRecord[], signal: AbortSignal): Promise<SendResult>
}
