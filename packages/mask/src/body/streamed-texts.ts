import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import { createTally, type Tally } from '../tally.ts'
import { createDeltaMasker, type DeltaMasker } from './delta-masker.ts'
import { deltaTexts } from './delta-texts.ts'

/** Texts at the same time in one stream. */
const maxChannels = 256

/** An event that is made here, because a text that was held back must be given and nothing else carries it. */
export interface MadeEvent<Context> {
  readonly data: string
  /** As it came with the last piece of the text. */
  readonly context: Context
  /** What was found in it, which no other tally has. */
  readonly tally: Tally
}

/**
 * The texts that LLMs stream in pieces, one for each event: they are judged across events, so that a value is found however it
 * is cut. What could become a value is held back, and comes with a later piece.
 */
export interface StreamedTexts<Context> {
  /**
   * `data`: with what can be given of each piece in its place; it is yet to be masked for all else that it holds. `before`: what
   * must be given first, likewise.
   */
  push(data: string, context: Context, tally: Tally): { readonly before: MadeEvent<Context>[]; readonly data: string }
  end(): MadeEvent<Context>[]
}

/** A text that comes in pieces over many events. */
interface Channel<Context> {
  readonly masker: DeltaMasker
  readonly made: (text: string) => Pick<MadeEvent<Context>, 'data' | 'context'>
}

export function createStreamedTexts<Context>(mask: Mask): StreamedTexts<Context> {
  const channels = new Map<string, Channel<Context>>()

  const end = (): MadeEvent<Context>[] => {
    const held = [...channels.values()].flatMap(({ masker, made }) => {
      const tally = createTally()
      const rest = masker.end(tally)
      return rest === '' ? [] : [{ ...made(rest), tally }]
    })
    channels.clear()
    return held
  }

  return {
    push(data, context, tally) {
      const content = maybePieces.test(data) ? parse(data) : undefined
      const texts = deltaTexts(content)
      // What keeps a connection open, or comes beside the texts, says nothing about them; anything else may end one.
      if (texts.length === 0) return { before: data === '' || isBeside.test(data) ? [] : end(), data }
      let changed = false
      for (const { channel, holder, property, last, carrying } of texts) {
        if (channels.size >= maxChannels && !channels.has(channel))
          throw new MaskError('ERR_MASK_LIMIT', `an event stream has at most ${maxChannels} texts at a time`)
        const masker = channels.get(channel)?.masker ?? createDeltaMasker(mask)
        const piece = holder[property]
        const given = masker.push(String(piece), tally) + (last ? masker.end(tally) : '')
        changed ||= given !== piece
        holder[property] = given
        channels.set(channel, { masker, made: (text) => ({ data: serialize(carrying(text)), context }) })
      }
      return { before: [], data: changed ? serialize(content) : data }
    },
    end,
  }
}

/** What is no such event is told without being parsed. */
const maybePieces = /"(?:delta|parts)"/
const isBeside = /"type":\s*"(?:ping|response\.(?:output_)?audio\.delta)"/

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
