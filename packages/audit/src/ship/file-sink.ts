import { open } from 'node:fs/promises'
import { AuditLogFailedError } from '../errors.ts'
import { encodeOtlp } from '../record/otlp.ts'
import type { Sink } from './sink.ts'

/** Appends to a file as the Collector's file exporter does: one ExportLogsServiceRequest in OTLP/JSON a line. */
export function createFileSink(path: string): Sink {
  return {
    async send(resource, records) {
      try {
        const file = await open(path, 'a', 0o600)
        try {
          await file.appendFile(Buffer.concat([encodeOtlp(resource, records, 'json'), Buffer.from('\n')]))
        } finally {
          await file.close()
        }
        return { kind: 'sent' }
      } catch (error) {
        return { kind: 'retry', message: new AuditLogFailedError(error).message }
      }
    },
  }
}
