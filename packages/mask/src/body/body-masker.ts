import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import { createTally, type Finding, type Tally } from '../tally.ts'
import { createEventStreamMasker } from './event-stream-masker.ts'
import { createFormMasker } from './form-masker.ts'
import { createJsonMasker } from './json-masker.ts'
import { createMultipartMasker } from './multipart-masker.ts'
import { createOutput, type ByteMasker } from './output.ts'
import { createSniffingMasker } from './sniffing-masker.ts'
import { createUtf8Gate } from './utf8-gate.ts'

/**
 * How a body of this media type is read. `opaque` cannot be read as text and must not pass, images and sound included: the
 * type is the upstream's word, and some upstreams let a client choose it.
 */
export type BodyKind = 'json' | 'events' | 'form' | 'multipart' | 'text' | 'opaque'

const textTypes =
  /^(text\/|application\/(xml|javascript|ecmascript|graphql|yaml|toml|sql|x-sh|x-yaml|.*\+(xml|yaml)$)|image\/svg)/

export function bodyKind(contentType: string | undefined): BodyKind {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === 'text/event-stream') return 'events'
  if (/^(application|text)\/(.+\+)?(json|x-ndjson|ndjson|jsonl|x-jsonlines|json-seq)$/.test(type)) return 'json'
  if (type === 'application/x-www-form-urlencoded') return 'form'
  if (type === 'multipart/form-data') return 'multipart'
  if (textTypes.test(type)) return 'text'
  return 'opaque'
}

export interface BodyMasker {
  push(chunk: Uint8Array): Buffer
  /** The rest; throws MaskError when the body is not what its type says. */
  end(): Buffer
  readonly findings: readonly Finding[]
  readonly total: number
}

/**
 * Masks a body as it streams; a value that is cut by chunks, or inside a character, is found all the same.
 * Throws MaskError for what cannot be read as text. What `push` gives may share memory with the chunk.
 */
export function createBodyMasker(mask: Mask, contentType: string | undefined): BodyMasker {
  const tally = createTally()
  const masker = byteMasker(mask, tally, contentType)
  const gate = createUtf8Gate()
  const out = createOutput()
  return {
    push(chunk) {
      masker.push(gate.push(chunk), out)
      return out.take()
    },
    end() {
      gate.end()
      masker.end(out)
      return out.take()
    },
    get findings() {
      return tally.findings
    },
    get total() {
      return tally.total
    },
  }
}

function byteMasker(mask: Mask, tally: Tally, contentType: string | undefined): ByteMasker {
  const charset = parameter(contentType, 'charset')?.toLowerCase()
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii', 'ascii'].includes(charset))
    throw new MaskError('ERR_MASK_CONTENT', 'charset: expected utf-8 under a masking rule')
  // Where nobody says what it is, its bytes do: what is no text is withheld when they show it.
  switch ((contentType ?? '').trim() === '' ? 'text' : bodyKind(contentType)) {
    case 'json':
      return createJsonMasker(mask, tally)
    case 'events':
      return createEventStreamMasker(mask, tally)
    case 'form':
      return createFormMasker(mask, tally)
    case 'text':
      return createSniffingMasker(mask, tally)
    case 'multipart': {
      const boundary = parameter(contentType, 'boundary')
      if (boundary === undefined) throw new MaskError('ERR_MASK_CONTENT', 'content-type: expected a boundary')
      return createMultipartMasker(mask, tally, boundary, (type, bytes) =>
        maskWhole(byteMasker(mask, tally, type), bytes),
      )
    }
    case 'opaque':
      throw new MaskError('ERR_MASK_CONTENT', 'content-type: expected a text type under a masking rule')
  }
}

function maskWhole(masker: ByteMasker, bytes: Buffer): Buffer {
  const out = createOutput()
  masker.push(bytes, out)
  masker.end(out)
  return out.take()
}

function parameter(contentType: string | undefined, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^";\\s]+))`, 'i').exec(contentType ?? '')
  return match?.[1] ?? match?.[2]
}
