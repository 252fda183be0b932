import { canonicalJson, sha256Hex } from '@chaperone/core'
import type { Attributes, AttributeValue, AuditDraft, AuditRecord, AuditResource } from './audit-record.ts'

export interface Link {
  readonly record: AuditRecord
  /** The record as the log keeps it: what was hashed, without the resource and with the hash. */
  readonly line: string
}

/** Links drafts to the record before them. The canonical form is written once, for the hash and for the log. */
export function createLinker(
  resource: AuditResource,
): (draft: AuditDraft, at: Pick<AuditRecord, 'seq' | 'time' | 'prevHash'>) => Link {
  const resourceJson = canonicalJson(resource)
  return (draft, { seq, time, prevHash }) => {
    const attributes = cleanAttributes(draft.attributes)
    const body = draft.body === undefined || draft.body === '' ? undefined : draft.body.toWellFormed()
    const bodyMember = body === undefined ? '' : `,"body":${JSON.stringify(body)}`
    // In the order of canonical JSON (RFC 8785): attributes, body, event, prev, resource, seq, time.
    const before = `{"attributes":${JSON.stringify(attributes)}${bodyMember},"event":"chaperone.${draft.kind}","prev":"${prevHash}"`
    const after = `,"seq":${seq},"time":"${time}"`
    const hash = sha256Hex(`${before},"resource":${resourceJson}${after}}`)
    const record = {
      seq,
      time,
      kind: draft.kind,
      attributes,
      ...(body === undefined ? {} : { body }),
      prevHash,
      hash,
    }
    return { record, line: `${before}${after},"hash":"${hash}"}` }
  }
}

/** A line that `createLinker` made. */
export function parseLine(line: string): AuditRecord {
  const { event, prev, ...rest } = JSON.parse(line) as Omit<AuditRecord, 'kind' | 'prevHash'> & {
    readonly event: `chaperone.${AuditRecord['kind']}`
    readonly prev: string
  }
  return { ...rest, kind: event.slice('chaperone.'.length) as AuditRecord['kind'], prevHash: prev }
}

/**
 * In canonical order: names are ours and have a letter, so that an object keeps them as they come. Undefined, empty
 * lists and what is no number do not survive every encoder, lone surrogates none: they are removed before hashing.
 */
function cleanAttributes(attributes: AuditDraft['attributes']): Attributes {
  const clean: Record<string, AttributeValue> = {}
  for (const name of Object.keys(attributes).sort()) {
    const value = attributes[name]
    if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) continue
    if (typeof value === 'number') clean[name] = Math.round(value) + 0
    else if (typeof value === 'boolean') clean[name] = value
    else if (typeof value === 'string') clean[name] = value.toWellFormed()
    else if (value.length > 0) clean[name] = value.map((item) => item.toWellFormed())
  }
  return clean
}
