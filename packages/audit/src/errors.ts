import { CodedError } from '@chaperone/core'

/** The log holds as many bytes as it may; nothing more can be recorded until the collector takes some. */
export class AuditLogFullError extends CodedError<'ERR_AUDIT_LOG_FULL'> {
  constructor(maxBytes: number) {
    super('ERR_AUDIT_LOG_FULL', `the audit log holds its limit of ${maxBytes} bytes`)
  }
}

/** The disk of the log failed; the log takes nothing more. */
export class AuditLogFailedError extends CodedError<'ERR_AUDIT_LOG_FAILED'> {
  constructor(cause: unknown) {
    super('ERR_AUDIT_LOG_FAILED', 'the audit log cannot be written', { cause })
  }
}

export class AuditParseError extends CodedError<'ERR_AUDIT_PARSE'> {
  constructor(line: number, expected: string) {
    super('ERR_AUDIT_PARSE', `line ${line}: expected ${expected}`)
  }
}
