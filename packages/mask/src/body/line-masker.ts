import { MaskError } from '../errors.ts'
import type { Mask, Tally } from '../mask.ts'
import { createJsonMasker } from './json-masker.ts'
import type { TextMasker } from './text-masker.ts'

/** A server-sent event or a log line; LLM deltas are far below. */
const maxLineCharacters = 1024 * 1024

/** Server-sent events (WHATWG HTML §9.2): each line is final by itself, and `data:` may hold JSON. */
export function createEventStreamMasker(mask: Mask, tally: Tally): TextMasker {
  let pending = ''
  const line = (text: string): string => {
    const json = /^(data: ?)([{[].*[}\]])(\r?)$/s.exec(text)
    if (json === null) return mask.text(text, tally)
    const [, prefix = '', value = '', suffix = ''] = json
    try {
      const masker = createJsonMasker(mask, tally)
      return prefix + masker.push(value) + masker.end() + suffix
    } catch (error) {
      // With field rules a line that only looks like JSON could hide a field.
      if (mask.fields !== undefined || !(error instanceof MaskError)) throw error
      return mask.text(text, tally)
    }
  }
  return {
    push(text) {
      pending += text
      const lines = pending.split('\n')
      pending = lines.pop() ?? ''
      if (pending.length > maxLineCharacters)
        throw new MaskError('ERR_MASK_LIMIT', `a line has at most ${maxLineCharacters} characters`)
      return lines.map((each) => `${line(each)}\n`).join('')
    },
    end() {
      const rest = pending
      pending = ''
      return rest === '' ? '' : line(rest)
    },
  }
}
