import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { errorText } from '@chaperone/core'
import { encodeOtlp } from '../record/otlp.ts'
import type { SendResult, Sink } from './sink.ts'

/** Answers that OTLP/HTTP calls retryable (OpenTelemetry protocol specification, "Retryable Response Codes"). */
const retryable = new Set([408, 429, 502, 503, 504])
const requestTimeoutMs = 10_000
/** Enough of a partial-success message to be read by a person. */
const maxAnswerBytes = 4096
const compress = promisify(gzip)

export interface OtlpHttpOptions {
  /** Of the logs signal: `http://collector:4318/v1/logs`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: typeof globalThis.fetch
}

/** OTLP/HTTP with protobuf and gzip (OpenTelemetry protocol specification 1.x). */
export function createOtlpHttpSink({ url, headers = {}, fetch = globalThis.fetch }: OtlpHttpOptions): Sink {
  return {
    async send(resource, records, signal) {
      try {
        const body = await compress(encodeOtlp(resource, records, 'protobuf'), { level: constants.Z_BEST_SPEED })
        const response = await fetch(url, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
          body,
          redirect: 'error',
          signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
        })
        return await resultOf(response)
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
        return { kind: 'retry', message: `collector unreachable: ${errorText(cause)}` }
      }
    },
  }
}

async function resultOf(response: Response): Promise<SendResult> {
  const answer = Buffer.from(await response.arrayBuffer()).subarray(0, maxAnswerBytes)
  // An empty answer is full success; with partial_success.rejected_log_records (field 1, then field 1 as varint) it is not.
  if (response.ok)
    return answer.length > 2 && answer[0] === 0x0a && answer[2] === 0x08
      ? { kind: 'refused', message: 'the collector rejected records' }
      : { kind: 'sent' }
  const message = `the collector answered ${response.status}`
  if (!retryable.has(response.status)) return { kind: 'refused', message }
  const seconds = Number(response.headers.get('retry-after'))
  return Number.isFinite(seconds) && seconds > 0
    ? { kind: 'retry', message, afterMs: seconds * 1000 }
    : { kind: 'retry', message }
}
