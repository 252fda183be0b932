import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import { isSpace } from './json-bytes.ts'
import { createJsonMasker } from './json-masker.ts'
import type { ByteMasker, Output } from './output.ts'
import { createTextMasker } from './text-masker.ts'

/**
 * Text of which nobody says that it is JSON: it is read as JSON when it begins like it, so that field rules apply, and as
 * text from where it turns out to be none. What has had members by then, with fields to mask, is withheld instead: the rest
 * could hold one.
 */
export function createSniffingMasker(mask: Mask, tally: Tally): ByteMasker {
  let text: ByteMasker | undefined
  let json: ReturnType<typeof createJsonMasker> | undefined

  const asText = (error: unknown, out: Output): ByteMasker => {
    if (!(error instanceof MaskError) || json === undefined || (mask.fields !== undefined && json.hasNames)) throw error
    text = createTextMasker(mask, tally)
    text.push(json.unread(), out)
    return text
  }

  return {
    push(bytes, out) {
      if (text === undefined && json === undefined) {
        const first = bytes.find((byte) => !isSpace(byte))
        if (first === undefined) return out.pass(bytes)
        if (first === 0x7b || first === 0x5b) json = createJsonMasker(mask, tally)
        else text = createTextMasker(mask, tally)
      }
      if (text !== undefined) return text.push(bytes, out)
      try {
        json?.push(bytes, out)
      } catch (error) {
        asText(error, out)
      }
    },
    end(out) {
      if (text !== undefined) return text.end(out)
      try {
        json?.end(out)
      } catch (error) {
        asText(error, out).end(out)
      }
    },
  }
}
