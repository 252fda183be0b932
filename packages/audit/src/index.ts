export { AuditLogFailedError, AuditLogFullError, AuditParseError } from './errors.ts'
export {
  recordKinds,
  type AttributeValue,
  type AuditDraft,
  type AuditRecord,
  type AuditResource,
  type RecordKind,
} from './record/audit-record.ts'
export { createAuditLog, type AuditLog, type AuditLogOptions } from './log/audit-log.ts'
export {
  checkpointDraft,
  exportSigningKey,
  generateSigningKey,
  importSigningKey,
  type SigningKey,
} from './chain/checkpoint.ts'
export type { SendResult, Sink } from './ship/sink.ts'
export { createOtlpHttpSink } from './ship/otlp-http-sink.ts'
export { createFileSink } from './ship/file-sink.ts'
export { createShipper, type Shipper } from './ship/shipper.ts'
export { parseExport, type BrokenLine, type ExportedRecord } from './verify/parse-export.ts'
export { verifyExport, type ChainReport, type Gap, type Problem, type VerifyOptions } from './verify/verify.ts'
