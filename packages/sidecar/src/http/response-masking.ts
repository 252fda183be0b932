import { Transform, type Duplex } from 'node:stream'
import { createBodyMasker, createLiteralMasker, createTally, type Finding, type Mask } from '@chaperone/mask'
import { decompressors } from './decompress.ts'

/** What an answer may not show: what the rule masks, and the credential that was added to the request. */
export interface ResponseMasks {
  readonly mask: Mask | undefined
  readonly hidden: readonly Buffer[]
}

export interface ResponsePlan {
  readonly headers: readonly [string, string][]
  readonly transforms: readonly Duplex[]
  /** The coding of the body that leaves the transforms; undefined for none. */
  readonly contentEncoding: string | undefined
  /** Trailers carry text as header fields do. */
  readonly maskTrailer: (value: string) => string
  readonly findings: () => readonly Finding[]
}

/**
 * How an answer is masked. Nothing is found in a body whose content-encoding stays, so it is undone first. Throws MaskError
 * for a coding that cannot be undone, and under a masking rule for a body that cannot be read as text.
 */
export function planResponse(
  { mask, hidden }: ResponseMasks,
  received: readonly [string, string][],
  hasBody: boolean,
): ResponsePlan {
  const contentEncoding =
    received
      .filter(([name]) => name.toLowerCase() === 'content-encoding')
      .map(([, value]) => value)
      .join(',') || undefined
  const tally = createTally()
  const plain = { headers: received, transforms: [], contentEncoding, findings: () => tally.findings }
  if (mask === undefined && hidden.length === 0) return { ...plain, maskTrailer: (value) => value }
  const hide = (bytes: Buffer): Buffer => {
    const masker = createLiteralMasker(hidden, 'Credential', tally)
    return Buffer.concat([masker.push(bytes), masker.end()])
  }
  const maskTrailer = (value: string): string => {
    const shown = hidden.length === 0 ? value : hide(Buffer.from(value, 'latin1')).toString('latin1')
    return mask?.text(shown, tally) ?? shown
  }
  const headers = received.map(([name, value]): [string, string] => [name, maskTrailer(value)])
  const header = (wanted: string): string | undefined => received.find(([name]) => name.toLowerCase() === wanted)?.[1]
  if (!hasBody || (mask !== undefined && header('content-length') === '0')) return { ...plain, headers, maskTrailer }
  const decoders = decompressors(contentEncoding)
  const masker = mask === undefined ? undefined : createBodyMasker(mask, header('content-type'))
  return {
    headers:
      masker === undefined && decoders.length === 0
        ? headers
        : headers.filter(([name]) => !describesBytes.has(name.toLowerCase())),
    transforms: [
      ...decoders,
      ...(hidden.length === 0 ? [] : [createMaskTransform(createLiteralMasker(hidden, 'Credential', tally))]),
      ...(masker === undefined ? [] : [createMaskTransform(masker)]),
    ],
    contentEncoding: undefined,
    maskTrailer,
    findings: () => [...tally.findings, ...(masker?.findings ?? [])],
  }
}

/** Masks a body on its way; a body that is not what it says destroys the stream, so that nothing unmasked passes. */
function createMaskTransform(masker: { push(chunk: Buffer): Buffer; end(): Buffer }): Transform {
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
