import { createHash } from 'node:crypto'
import { Transform, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseByteQuantity } from '@chaperone/api'
import { createTally, type Finding, type Mask } from '@chaperone/mask'
import type { Engine } from '../engine/engine.ts'
import { writeHead } from './answer.ts'
import { decompressors } from './decompress.ts'
import type { PassedExchange } from './exchange.ts'
import { endToEndHeaders, headerPairs, type Answer } from './message.ts'
import { createMaskTransform, maskHead } from './response-masking.ts'

/** What undici gives with `responseHeaders: 'raw'`. */
export interface UpstreamResponse {
  readonly statusCode: number
  readonly headers: readonly (string | Buffer)[]
  readonly body: Readable
  /** A field that is repeated has several values. */
  readonly trailers: Readonly<Record<string, string | string[]>>
}

interface Relay {
  readonly engine: Engine
  readonly passed: PassedExchange
  readonly mask: Mask | undefined
  readonly method: string
}

const isAscii = /^[\t -~]*$/

/** Sends an upstream's answer to the agent, masked where the rule says so, and records it. */
export async function relayResponse(
  relay: Relay,
  response: UpstreamResponse,
  answer: Answer,
  signal: AbortSignal,
): Promise<void> {
  const received = endToEndHeaders(headerPairs(response.headers.map(String)))
  const hasBody = relay.method !== 'HEAD' && response.statusCode !== 204 && response.statusCode !== 304
  const { headers, transforms, maskTrailer, findings } = plan(relay, received, hasBody)
  const evidence = createEvidence(relay)
  writeHead(answer, response.statusCode, headers)
  // A flush alone makes Node write the head as UTF-8, which garbles other bytes: they go with the first part of the body.
  if (headers.every(([, value]) => isAscii.test(value))) answer.flushHeaders()
  let failure: unknown
  try {
    await pipeline([response.body, ...transforms, evidence.stream, answer as unknown as Duplex], { signal, end: false })
    finish(response, answer, maskTrailer)
  } catch (error) {
    failure = error
    answer.destroy()
  }
  await record(relay, response.statusCode, evidence, { findings: findings(), failed: failure !== undefined })
}

function finish(response: UpstreamResponse, answer: Answer, mask: Plan['maskTrailer']): void {
  const trailers = Object.entries(response.trailers)
  if (trailers.length > 0)
    answer.addTrailers(
      Object.fromEntries(trailers.map(([name, value]) => [name, Array.isArray(value) ? value.map(mask) : mask(value)])),
    )
  answer.end()
}

interface Plan {
  readonly headers: readonly [string, string][]
  readonly transforms: readonly Duplex[]
  /** Trailers carry text as header fields do. */
  readonly maskTrailer: (value: string) => string
  readonly findings: () => readonly Finding[]
}

function plan({ mask }: Relay, received: [string, string][], hasBody: boolean): Plan {
  if (mask === undefined)
    return { headers: received, transforms: [], maskTrailer: (value) => value, findings: () => [] }
  const tally = createTally()
  const maskTrailer = (value: string): string => mask.text(value, tally)
  const length = received.find(([name]) => name.toLowerCase() === 'content-length')?.[1]
  const head = maskHead(received, mask, hasBody && length !== '0')
  const { masker } = head
  if (masker === undefined) {
    const findings = () => [...head.findings, ...tally.findings]
    return { headers: head.headers, transforms: [], maskTrailer, findings }
  }
  const encoding = received
    .filter(([name]) => name.toLowerCase() === 'content-encoding')
    .map(([, value]) => value)
    .join(',')
  return {
    headers: head.headers,
    transforms: [...decompressors(encoding), createMaskTransform(masker)],
    maskTrailer,
    findings: () => [...head.findings, ...masker.findings, ...tally.findings],
  }
}

interface Evidence {
  readonly stream: Transform
  readonly bytes: number
  readonly sha256: string
  /** The first bytes of what the agent was given, as text; undefined where the level or the type does not allow it. */
  readonly body: string | undefined
  readonly truncated: boolean
}

/** Hashes all of what the agent is given and keeps the first part where the rule records bodies. */
function createEvidence({ engine, passed }: Relay): Evidence {
  const keep =
    passed.effects.auditLevel === 'RequestResponse'
      ? parseByteQuantity(engine.policy.current?.source.audit.maxBodyBytes ?? '0')
      : 0
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      if (bytes < keep) kept.push(chunk.subarray(0, keep - bytes))
      bytes += chunk.length
      done(null, chunk)
    },
  })
  return {
    stream,
    get bytes() {
      return bytes
    },
    get sha256() {
      return hash.copy().digest('hex')
    },
    get body() {
      return keep === 0 || kept.length === 0 ? undefined : Buffer.concat(kept).toString('utf8')
    },
    get truncated() {
      return bytes > keep
    },
  }
}

async function record(
  { engine, passed }: Relay,
  status: number,
  evidence: Evidence,
  outcome: { findings: readonly Finding[]; failed: boolean },
): Promise<void> {
  if (passed.effects.auditLevel === 'None') return
  const masked = outcome.findings.reduce((sum, finding) => sum + finding.count, 0)
  await engine.recorder.append(
    'response',
    {
      'chaperone.request.seq': passed.requestSeq,
      'server.address': passed.head.target.host,
      'http.response.status_code': status,
      'http.response.body.size': evidence.bytes,
      'chaperone.body.sha256': evidence.sha256,
      'chaperone.body.truncated': evidence.body !== undefined && evidence.truncated,
      'chaperone.proxy.latency_ms': engine.clock.elapsedMs() - passed.startedMs,
      'chaperone.mask.count': masked,
      'chaperone.mask.detectors': outcome.findings.map((finding) => finding.detector),
      ...(outcome.failed ? { 'error.type': 'incomplete' } : {}),
    },
    evidence.body !== undefined ? { body: evidence.body } : {},
  )
}
