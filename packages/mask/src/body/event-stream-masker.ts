import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import type { Tally } from '../tally.ts'
import { createDeltaMasker, type DeltaMasker } from './delta-masker.ts'
import { deltaTexts } from './delta-texts.ts'
import { createEventLines, type Line } from './event-lines.ts'
import { createJsonMasker } from './json-masker.ts'
import { createOutput, type ByteMasker } from './output.ts'

/** Texts at the same time in one stream. */
const maxChannels = 256

/** A text that comes in pieces over many events. */
interface Channel {
  readonly masker: DeltaMasker
  /** An event that carries `text` as its piece. */
  event(text: string): string
}

/**
 * Server-sent events (WHATWG HTML §9.2). The data of each is judged as JSON where it is JSON, and as text where not. Texts
 * that LLMs stream in pieces are judged across events: what could become a value is held back, and comes with a later piece.
 */
export function createEventStreamMasker(mask: Mask, tally: Tally): ByteMasker {
  const events = createEventLines()
  const channels = new Map<string, Channel>()

  /** What is held back in every channel, as events of their own. */
  const flush = (): string => {
    const held = [...channels.values()].map(({ masker, event }) => {
      const rest = masker.end()
      return rest === '' ? '' : event(rest)
    })
    channels.clear()
    return held.join('')
  }

  /** The data with what can be given of each piece in its place; undefined when it has no pieces. */
  const withPieces = (data: string, name: Line | undefined): string | undefined => {
    const content = data.includes('"delta"') ? parse(data) : undefined
    const texts = deltaTexts(content)
    if (texts.length === 0) return undefined
    let changed = false
    for (const { channel, holder, property, last } of texts) {
      if (channels.size >= maxChannels && !channels.has(channel))
        throw new MaskError('ERR_MASK_LIMIT', `an event stream has at most ${maxChannels} texts at a time`)
      const masker = channels.get(channel)?.masker ?? createDeltaMasker(mask, tally)
      const piece = holder[property]
      const given = masker.push(String(piece)) + (last ? masker.end() : '')
      changed ||= given !== piece
      holder[property] = given
      const event = (text: string): string => {
        for (const other of texts) other.holder[other.property] = ''
        holder[property] = text
        return `${name === undefined ? '' : `${name.text}\n`}data: ${maskJson(serialize(content), mask, tally)}\n\n`
      }
      channels.set(channel, { masker, event })
    }
    return changed ? serialize(content) : data
  }

  const maskEvent = (lines: readonly Line[]): string => {
    const data = lines
      .filter(({ text }) => isData(text))
      .map(({ text }) => text.replace(/^data:? ?/, ''))
      .join('\n')
    const name = lines.find(({ text }) => text.startsWith('event:'))
    const pieces = withPieces(data, name)
    // What keeps a connection open says nothing about the texts; anything else may end one.
    const before = data === '' || pieces !== undefined || /^\s*\{\s*"type":\s*"ping"/.test(data) ? '' : flush()
    const masked = maskData(pieces ?? data, mask, tally)
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
    return before + result.join('')
  }

  return {
    push: (bytes, out) => out.put(events.push(bytes.toString()).map(maskEvent).join('')),
    end(out) {
      const rest = events.end()
      out.put((rest.length === 0 ? '' : maskEvent(rest)) + flush())
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

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

function serialize(data: unknown): string {
  try {
    return JSON.stringify(data)
  } catch {
    throw new MaskError('ERR_MASK_LIMIT', 'json: nested too deep')
  }
}
