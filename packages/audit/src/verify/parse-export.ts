import { AuditParseError } from '../errors.ts'
import { decodeOtlpJson, type DecodedRecord } from '../record/otlp.ts'

export interface ExportedRecord extends DecodedRecord {
  /** Line of the file, from 1. */
  readonly line: number
}

/** What a line holds that should be a record of ours and is not. */
export interface BrokenLine {
  readonly line: number
  readonly broken: string
}

/** Reads the lines of a Collector's file exporter (OTLP/JSON). A line that is no JSON is reported, not skipped. */
export function parseExport(text: string): (ExportedRecord | BrokenLine)[] {
  if (text.trim() === '') throw new AuditParseError(1, 'OTLP/JSON lines, file is empty')
  return text.split('\n').flatMap((content, index): (ExportedRecord | BrokenLine)[] => {
    const line = index + 1
    if (content.trim() === '') return []
    try {
      return decodeOtlpJson(JSON.parse(content)).map((decoded) =>
        decoded === undefined ? { line, broken: 'a record that is not as it was written' } : { ...decoded, line },
      )
    } catch {
      return [{ line, broken: 'not JSON' }]
    }
  })
}
