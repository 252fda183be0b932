import { MaskError } from '../errors.ts'
import { createTally, type Finding, type Mask } from '../mask.ts'
import { createFormMasker } from './form-masker.ts'
import { createJsonMasker } from './json-masker.ts'
import { createEventStreamMasker } from './line-masker.ts'
import { createTextMasker, type TextMasker } from './text-masker.ts'

/**
 * How a body of this media type is read. `opaque` cannot be read as text and must not pass, images and sound included: the
 * type is the upstream's word, and some upstreams let a client choose it.
 */
export type BodyKind = 'json' | 'events' | 'form' | 'text' | 'opaque'

const textTypes =
  /^(text\/|application\/(xml|javascript|ecmascript|graphql|yaml|toml|sql|x-sh|x-yaml|.*\+(xml|yaml)$)|image\/svg)/

export function bodyKind(contentType: string | undefined): BodyKind {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === 'text/event-stream') return 'events'
  if (/^(application|text)\/(.+\+)?(json|x-ndjson|ndjson|jsonl|x-jsonlines|json-seq)$/.test(type)) return 'json'
  if (type === 'application/x-www-form-urlencoded') return 'form'
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
 * Throws MaskError for what cannot be read as text.
 */
export function createBodyMasker(mask: Mask, contentType: string | undefined): BodyMasker {
  const kind = bodyKind(contentType)
  if (kind === 'opaque')
    throw new MaskError('ERR_MASK_CONTENT', 'content-type: expected a text type under a masking rule')
  const charset = /charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase()
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii', 'ascii'].includes(charset))
    throw new MaskError('ERR_MASK_CONTENT', 'charset: expected utf-8 under a masking rule')
  const tally = createTally()
  const masker = maskers[kind](mask, tally)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (chunk?: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      throw new MaskError('ERR_MASK_CONTENT', 'body: expected UTF-8')
    }
  }
  return {
    push: (chunk) => Buffer.from(masker.push(decode(chunk))),
    end: () => Buffer.from(masker.push(decode()) + masker.end()),
    get findings() {
      return tally.findings
    },
    get total() {
      return tally.total
    },
  }
}

const maskers: Readonly<
  Record<Exclude<BodyKind, 'opaque'>, (mask: Mask, tally: ReturnType<typeof createTally>) => TextMasker>
> = {
  json: createJsonMasker,
  events: createEventStreamMasker,
  form: createFormMasker,
  text: createTextMasker,
}
