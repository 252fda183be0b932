import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import type { ByteMasker, Output } from './output.ts'

/** A form with files; it is held whole, so that each part is judged by all its headers. */
const maxMultipartBytes = 4 * 1024 * 1024

/** What a part's own content type makes of its bytes; throws MaskError for what cannot be read as text. */
export type MaskPart = (contentType: string | undefined, bytes: Buffer) => Buffer

/** multipart/form-data (RFC 7578): field rules and names as in other forms, anything else by the part's own type. */
export function createMultipartMasker(mask: Mask, tally: Tally, boundary: string, maskPart: MaskPart): ByteMasker {
  const chunks: Buffer[] = []
  let length = 0
  return {
    push(bytes) {
      length += bytes.length
      if (length > maxMultipartBytes)
        throw new MaskError('ERR_MASK_LIMIT', `a multipart body has at most ${maxMultipartBytes} bytes`)
      chunks.push(bytes)
    },
    end(out) {
      const body = Buffer.concat(chunks)
      const delimiter = Buffer.from(`\r\n--${boundary}`)
      if (!body.subarray(0, delimiter.length - 2).equals(delimiter.subarray(2)))
        throw new MaskError('ERR_MASK_CONTENT', 'multipart: expected its boundary first')
      out.pass(body.subarray(0, delimiter.length - 2))
      for (let at = delimiter.length - 2; ;) {
        const end = body.indexOf(delimiter, at)
        if (end === -1) return endOf(body.subarray(at), out)
        maskOne(body.subarray(at, end), out)
        at = end + delimiter.length
        out.pass(body.subarray(end, at))
      }
    },
  }

  function maskOne(part: Buffer, out: Output): void {
    const split = part.indexOf('\r\n\r\n')
    if (split === -1 || !part.subarray(0, 2).equals(Buffer.from('\r\n')))
      throw new MaskError('ERR_MASK_CONTENT', 'multipart: expected a part with headers')
    const head = part.toString('latin1', 2, split)
    const bytes = part.subarray(split + 4)
    out.put('\r\n' + mask.text(part.toString('utf8', 2, split), tally) + '\r\n\r\n')
    if (/^content-transfer-encoding:\s*(?!7bit|8bit|binary)/im.test(head))
      throw new MaskError('ERR_MASK_CONTENT', 'multipart: a transfer encoding under a masking rule')
    const name = /^content-disposition:.*[;\s]name="([^"\r\n]*)"/im.exec(head)?.[1]
    const contentType = /^content-type:[ \t]*([^\r\n]*)/im.exec(head)?.[1]
    const value = bytes.toString()
    const whole =
      name !== undefined && mask.fields?.matches([name]) === true
        ? mask.field(value, tally)
        : contentType === undefined
          ? mask.named(name, value, tally)
          : value
    if (whole === value) out.pass(maskPart(contentType, bytes))
    else out.put(whole)
  }
}

function endOf(rest: Buffer, out: Output): void {
  if (!/^--\s*$/.test(rest.toString('latin1')))
    throw new MaskError('ERR_MASK_CONTENT', 'multipart: ends before its last boundary')
  out.pass(rest)
}
