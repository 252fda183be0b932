import { Transform, type Duplex } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { MaskError } from '@chaperone/mask'
import { maxExpansion } from './limits.ts'

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** Streams that undo a content-encoding, last coding first; none for identity. Throws MaskError for what cannot be undone. */
export function decompressors(contentEncoding: string | undefined): Duplex[] {
  const codings = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length > 2) throw new MaskError('ERR_MASK_LIMIT', 'content-encoding: at most two codings')
  return codings.reverse().flatMap((coding) => {
    const create = decoders[coding]
    if (create === undefined)
      throw new MaskError(
        'ERR_MASK_CONTENT',
        'content-encoding: expected gzip, deflate, br or zstd under a masking rule',
      )
    const counter = { in: 0 }
    return [countIn(counter), create(), limitExpansion(counter)]
  })
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
