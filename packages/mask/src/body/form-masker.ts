import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import type { ByteMasker } from './output.ts'

const maxFormBytes = 1024 * 1024

/** application/x-www-form-urlencoded: values are judged decoded, and only masked ones are encoded anew. */
export function createFormMasker(mask: Mask, tally: Tally): ByteMasker {
  const chunks: Buffer[] = []
  let length = 0
  return {
    push(bytes) {
      length += bytes.length
      if (length > maxFormBytes) throw new MaskError('ERR_MASK_LIMIT', `a form has at most ${maxFormBytes} bytes`)
      chunks.push(bytes)
    },
    end: (out) => out.put(maskForm(Buffer.concat(chunks).toString(), mask, tally)),
  }
}

/** Also the query of a URL (WHATWG URL §5). */
export function maskForm(form: string, mask: Mask, tally: Tally): string {
  return form
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=')
      if (equals === -1) return maskPart(pair, mask, tally)
      const name = decode(pair.slice(0, equals))
      const value = decode(pair.slice(equals + 1))
      const masked = mask.fields?.matches([name]) === true ? mask.field(value, tally) : mask.named(name, value, tally)
      return masked === value ? pair : `${pair.slice(0, equals)}=${encodeURIComponent(masked)}`
    })
    .join('&')
}

function maskPart(part: string, mask: Mask, tally: Tally): string {
  const value = decode(part)
  const masked = mask.text(value, tally)
  return masked === value ? part : encodeURIComponent(masked)
}

/** As `decodeURIComponent`, but a `%` that encodes nothing hides nothing either: only itself stays (WHATWG URL §1.3). */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replaceAll(/(?:%[0-9a-f]{2})+/gi, (encoded) =>
      Buffer.from(encoded.replaceAll('%', ''), 'hex').toString(),
    )
  }
}
