import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import { createEventLines, type Line } from './event-lines.ts'
import { createJsonMasker } from './json-masker.ts'
import { createOutput, type ByteMasker } from './output.ts'
import { createStreamedTexts, type MadeEvent } from './streamed-texts.ts'

/**
 * Server-sent events (WHATWG HTML §9.2). The data of each is judged as JSON where it is JSON, and as text where not. Texts
 * that LLMs stream in pieces are judged across events: what could become a value is held back, and comes with a later piece.
 */
export function createEventStreamMasker(mask: Mask, tally: Tally): ByteMasker {
  const events = createEventLines()
  const texts = createStreamedTexts<Line | undefined>(mask)

  const made = ({ data, context: name, tally: found }: MadeEvent<Line | undefined>): string => {
    tally.include(found.findings)
    return `${name === undefined ? '' : `${name.text}\n`}data: ${maskJson(data, mask, tally)}\n\n`
  }

  const maskEvent = (lines: readonly Line[]): string => {
    const data = lines
      .filter(({ text }) => isData(text))
      .map(({ text }) => text.replace(/^data:? ?/, ''))
      .join('\n')
    const name = lines.find(({ text }) => text.startsWith('event:'))
    const pushed = texts.push(data, name, tally)
    const masked = maskData(pushed.data, mask, tally)
    const same = masked === data
    let given = false
    const result = lines.map(({ text, end }) => {
      if (!isData(text)) return mask.text(text, tally) + end
      if (same) return text + end
      if (given) return ''
      given = true
      return masked
        .split('\n')
        .map((line) => `data: ${line}${end === '' ? '\n' : end}`)
        .join('')
    })
    return pushed.before.map(made).join('') + result.join('')
  }

  return {
    push: (bytes, out) => out.put(events.push(bytes.toString()).map(maskEvent).join('')),
    end(out) {
      const rest = events.end()
      out.put((rest.length === 0 ? '' : maskEvent(rest)) + texts.end().map(made).join(''))
    },
  }
}

const isData = (line: string): boolean => line === 'data' || line.startsWith('data:')

function maskData(data: string, mask: Mask, tally: Tally): string {
  const first = data.trimStart().charAt(0)
  if ((first === '{' || first === '[') && data.trim() !== '[DONE]') {
    try {
      return maskJson(data, mask, tally)
    } catch (error) {
      // With field rules what only looks like JSON could hide a field.
      if (mask.fields !== undefined || !(error instanceof MaskError)) throw error
    }
  }
  return data
    .split('\n')
    .map((line) => mask.text(line, tally))
    .join('\n')
}

function maskJson(data: string, mask: Mask, tally: Tally): string {
  const masker = createJsonMasker(mask, tally)
  const out = createOutput()
  masker.push(Buffer.from(data), out)
  masker.end(out)
  return out.take().toString()
}
