import { Transform } from 'node:stream'
import { createBodyMasker, createTally, type BodyMasker, type Finding, type Mask } from '@chaperone/mask'

/** Masks a body on its way; a body that is not what it says destroys the stream, so that nothing unmasked passes. */
export function createMaskTransform(masker: BodyMasker): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      attempt(() => masker.push(chunk), done)
    },
    flush(done) {
      attempt(() => masker.end(), done)
    },
  })
}

function attempt(mask: () => Buffer, done: (error: Error | null, chunk?: Buffer) => void): void {
  try {
    done(null, mask())
  } catch (error) {
    done(error as Error)
  }
}

/** Fields that describe bytes which masking changes (RFC 9110): they would be lies. */
const describesBytes = new Set([
  'content-length',
  'content-encoding',
  'etag',
  'accept-ranges',
  'content-range',
  'digest',
  'content-digest',
  'repr-digest',
  'content-md5',
  'signature',
  'signature-input',
  'last-modified',
])

export interface MaskedHead {
  readonly headers: [string, string][]
  /** Undefined for a response without a body. */
  readonly masker: BodyMasker | undefined
  readonly findings: readonly Finding[]
}

/** The head of a masked response. Throws MaskError for a body that cannot be read as text. */
export function maskHead(headers: readonly [string, string][], mask: Mask, hasBody: boolean): MaskedHead {
  const tally = createTally()
  const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  const masker = hasBody ? createBodyMasker(mask, contentType) : undefined
  const kept = masker === undefined ? headers : headers.filter(([name]) => !describesBytes.has(name.toLowerCase()))
  return { headers: kept.map(([name, value]) => [name, mask.text(value, tally)]), masker, findings: tally.findings }
}
