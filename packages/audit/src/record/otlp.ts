import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import { recordKinds, type AuditRecord, type AuditResource, type RecordKind } from './audit-record.ts'

/** Attributes that carry the chain. */
export const chainAttributes = {
  seq: 'chaperone.seq',
  prevHash: 'chaperone.prev_hash',
  hash: 'chaperone.hash',
  id: 'chaperone.record.id',
} as const

/** INFO of the OpenTelemetry logs data model. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum lives in a package that we need for nothing else
const severityInfo = 9 as NonNullable<ReadableLogRecord['severityNumber']>
const severityText = 'INFO'
const scope = { name: 'chaperone.dev/audit', version: '1' }

/** An ExportLogsServiceRequest, encoded by the OpenTelemetry libraries. */
export function encodeOtlp(
  resource: AuditResource,
  records: readonly AuditRecord[],
  format: 'json' | 'protobuf',
): Uint8Array {
  const otelResource = resourceFromAttributes({ ...resource })
  const readable = records.map((record) => readableRecord(resource, record, otelResource))
  const encoded =
    format === 'json'
      ? JsonLogsSerializer.serializeRequest(readable)
      : ProtobufLogsSerializer.serializeRequest(readable)
  return encoded ?? new Uint8Array()
}

function readableRecord(
  resource: AuditResource,
  record: AuditRecord,
  otelResource: ReadableLogRecord['resource'],
): ReadableLogRecord {
  const ns = BigInt(record.time)
  const time: [number, number] = [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)]
  return {
    hrTime: time,
    hrTimeObserved: time,
    severityNumber: severityInfo,
    severityText,
    eventName: `chaperone.${record.kind}`,
    ...(record.body === undefined ? {} : { body: record.body }),
    attributes: {
      ...(record.attributes as Record<string, string | number | boolean | string[]>),
      [chainAttributes.seq]: record.seq,
      [chainAttributes.prevHash]: record.prevHash,
      [chainAttributes.hash]: record.hash,
      [chainAttributes.id]: recordId(resource, record.seq),
    },
    resource: otelResource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
  }
}

/** What a receiver knows a record by that comes twice. */
const recordId = (resource: AuditResource, seq: number): string => `${resource['k8s.pod.uid'] ?? ''}/${seq}`

export interface DecodedRecord {
  readonly resource: AuditResource
  readonly record: AuditRecord
}

interface OtlpValue {
  readonly stringValue?: string
  readonly intValue?: string | number
  readonly boolValue?: boolean
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] }
}
interface OtlpAttribute {
  readonly key: string
  readonly value?: OtlpValue
}
interface OtlpRequest {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly OtlpAttribute[] }
    readonly scopeLogs?: readonly {
      readonly scope?: { readonly name?: string }
      readonly logRecords?: readonly {
        readonly timeUnixNano?: string | number
        readonly observedTimeUnixNano?: string | number
        readonly severityNumber?: number
        readonly severityText?: string
        readonly eventName?: string
        readonly body?: OtlpValue
        readonly attributes?: readonly OtlpAttribute[]
      }[]
    }[]
  }[]
}

/**
 * Our records in an ExportLogsServiceRequest in OTLP/JSON, as this library or the Collector's file exporter writes it;
 * records of other scopes are left out. Undefined for a record of ours that is not one any more.
 */
export function decodeOtlpJson(request: unknown): (DecodedRecord | undefined)[] {
  return ((request as OtlpRequest).resourceLogs ?? []).flatMap((resourceLogs) => {
    const resource = attributesOf(resourceLogs.resource?.attributes) as AuditResource
    const scopes = (resourceLogs.scopeLogs ?? []).filter((scopeLogs) => scopeLogs.scope?.name === scope.name)
    return scopes.flatMap((scopeLogs) =>
      (scopeLogs.logRecords ?? []).map((log) => {
        const {
          [chainAttributes.seq]: seq,
          [chainAttributes.prevHash]: prevHash,
          [chainAttributes.hash]: hash,
          [chainAttributes.id]: id,
          ...attributes
        } = attributesOf(log.attributes)
        const kind = recordKinds.find((candidate) => log.eventName === `chaperone.${candidate}`)
        if (kind === undefined || typeof seq !== 'number' || typeof prevHash !== 'string' || typeof hash !== 'string')
          return undefined
        // The hash does not cover what follows from the rest; it must still say what we wrote.
        const isAsWritten =
          id === recordId(resource, seq) &&
          log.severityNumber === severityInfo &&
          log.severityText === severityText &&
          log.observedTimeUnixNano === log.timeUnixNano
        if (!isAsWritten) return undefined
        const record = {
          seq,
          time: String(log.timeUnixNano),
          kind: kind satisfies RecordKind,
          attributes,
          prevHash,
          hash,
        }
        return {
          resource,
          record: log.body?.stringValue === undefined ? record : { ...record, body: log.body.stringValue },
        } as DecodedRecord
      }),
    )
  })
}

function attributesOf(attributes: readonly OtlpAttribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))
}

function valueOf(value: OtlpValue = {}): unknown {
  if (value.intValue !== undefined) return Number(value.intValue)
  if (value.boolValue !== undefined) return value.boolValue
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(valueOf)
  return value.stringValue
}
