import { pipeline, Readable, Transform, type Duplex } from 'node:stream'
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { MaskError } from '@chaperone/mask'
import { maxExpansion } from './limits.ts'

/** `isPart`: the input may end before its coding does. */
const decoders: Readonly<Record<string, (isPart: boolean) => Duplex>> = {
  gzip: (isPart) => createGunzip(isPart ? { finishFlush: constants.Z_SYNC_FLUSH } : {}),
  'x-gzip': (isPart) => createGunzip(isPart ? { finishFlush: constants.Z_SYNC_FLUSH } : {}),
  deflate: (isPart) => createInflate(isPart ? { finishFlush: constants.Z_SYNC_FLUSH } : {}),
  br: (isPart) => createBrotliDecompress(isPart ? { finishFlush: constants.BROTLI_OPERATION_FLUSH } : {}),
  zstd: (isPart) => createZstdDecompress(isPart ? { finishFlush: constants.ZSTD_e_flush } : {}),
}

/** Streams that undo a content-encoding, last coding first; none for identity. Throws MaskError for what cannot be undone. */
export function decompressors(contentEncoding: string | undefined, isPart = false): Duplex[] {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length > 2) throw new MaskError('ERR_MASK_LIMIT', 'content-encoding: at most two codings')
  return codings.reverse().flatMap((coding) => {
    const create = decoders[coding]
    if (create === undefined)
      throw new MaskError('ERR_MASK_CONTENT', 'content-encoding: expected gzip, deflate, br or zstd, to be masked')
    const counter = { in: 0 }
    return [countIn(counter), create(isPart), limitExpansion(counter)]
  })
}

/**
 * What a body says when its content-encoding is undone, at most `maxBytes` of it; `isCut` when it says more. `isPart`: the
 * bytes are the beginning of one. Undefined for what cannot be undone.
 */
export async function decodeBeginning(
  bytes: Buffer,
  contentEncoding: string | undefined,
  { maxBytes, isPart }: { readonly maxBytes: number; readonly isPart: boolean },
): Promise<{ readonly bytes: Buffer; readonly isCut: boolean } | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    const streams = decompressors(contentEncoding, isPart)
    if (streams.length === 0) return { bytes: bytes.subarray(0, maxBytes), isCut: bytes.length > maxBytes }
    const decoded = pipeline([Readable.from([bytes], { objectMode: false }), ...streams], () => undefined)
    for await (const chunk of decoded as unknown as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      // Leaving destroys the streams: no more is decoded than is kept.
      if (length > maxBytes) break
    }
  } catch {
    return undefined
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: length > maxBytes }
}

function countIn(counter: { in: number }): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      counter.in += chunk.length
      done(null, chunk)
    },
  })
}

function limitExpansion(counter: { readonly in: number }): Transform {
  let out = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      out += chunk.length
      if (out > counter.in * maxExpansion + 1024 * 1024)
        done(new MaskError('ERR_MASK_LIMIT', `content-encoding: expands more than ${maxExpansion} times`))
      else done(null, chunk)
    },
  })
}
