import { createHash } from 'node:crypto'
import { Transform, type Duplex, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseByteQuantity } from '@chaperone/api'
import { bodyKind, type Finding } from '@chaperone/mask'
import type { Engine } from '../engine/engine.ts'
import { writeHead } from './answer.ts'
import { decodeBeginning } from './decompress.ts'
import type { PassedExchange } from './exchange.ts'
import { endToEndHeaders, headerPairs, type Answer } from './message.ts'
import { planResponse } from './response-masking.ts'

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
  const masks = { mask: relay.passed.mask, hidden: relay.passed.credential?.hidden ?? [] }
  const plan = planResponse(masks, received, hasBody)
  const { headers, transforms, maskTrailer, findings } = plan
  const evidence = createEvidence(relay, {
    contentType: received.find(([name]) => name.toLowerCase() === 'content-type')?.[1],
    contentEncoding: plan.contentEncoding,
  })
  if (!('stream' in answer)) corkForOneTurn(answer)
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

/** What has come already goes in one write with the head, which waits for nothing else. HTTP/2 gathers by itself. */
function corkForOneTurn({ socket }: Answer): void {
  // Not of the answer: Node would send its last chunk before those that it holds back.
  socket?.cork()
  setImmediate(() => socket?.uncork())
}

function finish(response: UpstreamResponse, answer: Answer, mask: (value: string) => string): void {
  const trailers = Object.entries(response.trailers)
  if (trailers.length > 0)
    answer.addTrailers(
      Object.fromEntries(trailers.map(([name, value]) => [name, Array.isArray(value) ? value.map(mask) : mask(value)])),
    )
  answer.end()
}

interface Evidence {
  readonly stream: Transform
  readonly bytes: number
  readonly sha256: string
  /** The beginning of what the agent was given, decoded; undefined where the level does not allow it or it is no text. */
  text(): Promise<{ readonly body: string; readonly isCut: boolean } | undefined>
}

/** Hashes all of what the agent is given and keeps the first part where the rule records bodies. */
function createEvidence({ engine, passed }: Relay, { contentType, contentEncoding }: BodyForm): Evidence {
  const isKept = passed.effects.auditLevel === 'RequestResponse' && bodyKind(contentType) !== 'opaque'
  const maxBytes = isKept ? parseByteQuantity(engine.policy.current?.source.audit.maxBodyBytes ?? '0') : 0
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  let bytes = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      if (bytes < maxBytes) kept.push(chunk.subarray(0, maxBytes - bytes))
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
    async text() {
      if (kept.length === 0) return undefined
      const decoded = await decodeBeginning(Buffer.concat(kept), contentEncoding, {
        maxBytes,
        isPart: bytes > maxBytes,
      })
      if (decoded === undefined) return undefined
      const isCut = decoded.isCut || bytes > maxBytes
      const body = decodeText(decoded.bytes, isCut)
      return body === undefined ? undefined : { body, isCut }
    },
  }
}

interface BodyForm {
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
}

/** Undefined for what is no UTF-8, whatever its type says; a cut inside a character loses that one. */
function decodeText(bytes: Buffer, isCut: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut })
  } catch {
    return undefined
  }
}

async function record(
  { engine, passed }: Relay,
  status: number,
  evidence: Evidence,
  outcome: { findings: readonly Finding[]; failed: boolean },
): Promise<void> {
  if (passed.effects.auditLevel === 'None') return
  const text = await evidence.text()
  const masked = outcome.findings.reduce((sum, finding) => sum + finding.count, 0)
  await engine.recorder.append(
    'response',
    {
      'chaperone.request.seq': passed.requestSeq,
      'server.address': passed.head.target.host,
      'http.response.status_code': status,
      'http.response.body.size': evidence.bytes,
      'chaperone.body.sha256': evidence.sha256,
      'chaperone.body.truncated': text?.isCut ?? false,
      'chaperone.proxy.latency_ms': engine.clock.elapsedMs() - passed.startedMs,
      'chaperone.mask.count': masked,
      'chaperone.mask.detectors': outcome.findings.map((finding) => finding.detector),
      ...(outcome.failed ? { 'error.type': 'incomplete' } : {}),
    },
    text === undefined ? {} : { body: text.body },
  )
}
