import { MaskError } from '../errors.ts'
import type { Mask, Tally } from '../mask.ts'
import type { TextMasker } from './text-masker.ts'

const maxFormCharacters = 1024 * 1024

/** application/x-www-form-urlencoded: values are judged decoded, and only masked ones are encoded anew. */
export function createFormMasker(mask: Mask, tally: Tally): TextMasker {
  let pending = ''
  return {
    push(text) {
      pending += text
      if (pending.length > maxFormCharacters)
        throw new MaskError('ERR_MASK_LIMIT', `a form has at most ${maxFormCharacters} characters`)
      return ''
    },
    end: () => maskForm(pending, mask, tally),
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

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
