import { MaskError } from '../errors.ts'
import type { Mask } from '../mask.ts'
import { createTally, type Tally } from '../tally.ts'
import { createDeltaMasker, type DeltaMasker } from './delta-masker.ts'
import { endsOf, type Place } from './delta-ends.ts'
import { deltaTexts } from './delta-texts.ts'
import { members } from './members.ts'

/** Texts at the same time in one stream. */
const maxChannels = 256
/** Characters of the events that are kept, one for each text, to give in the same form what is held back; those of LLMs are short. */
const maxKept = 4 * 1024 * 1024

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
   * must be given first, likewise: the rest of the texts that this event ends. Any other event may overtake what is held back.
   */
  push(data: string, context: Context, tally: Tally): { readonly before: MadeEvent<Context>[]; readonly data: string }
  end(): MadeEvent<Context>[]
}

/** A text that comes in pieces over many events. */
interface Channel<Context> {
  readonly masker: DeltaMasker
  readonly place: Place
  /** Characters of the event that `made` keeps. */
  readonly kept: number
  readonly made: (text: string) => Pick<MadeEvent<Context>, 'data' | 'context'>
}

export function createStreamedTexts<Context>(mask: Mask): StreamedTexts<Context> {
  const channels = new Map<string, Channel<Context>>()

  const end = (isEnded: (channel: string, place: Place) => boolean): MadeEvent<Context>[] =>
    [...channels].flatMap(([channel, { masker, place, made }]) => {
      if (!isEnded(channel, place)) return []
      channels.delete(channel)
      const tally = createTally()
      const rest = masker.end(tally)
      return rest === '' ? [] : [{ ...made(rest), tally }]
    })

  return {
    push(data, context, tally) {
      if (data.trim() === '[DONE]') return { before: end(() => true), data }
      const event = channels.size > 0 || maybePieces.test(data) ? members(parse(data)) : undefined
      if (event === undefined) return { before: [], data }
      const texts = deltaTexts(event)
      const ends = endsOf(event)
      const lastOf = new Map(texts.map((text) => [text.channel, text]))
      // What this event carries itself is given in it to the end.
      const before = end((channel, place) => ends(place) && !lastOf.has(channel))
      let changed = false
      for (const text of texts) {
        const { channel, place, holder, property, carrying } = text
        if (channels.size >= maxChannels && !channels.has(channel))
          throw new MaskError('ERR_MASK_LIMIT', `an event stream has at most ${maxChannels} texts at a time`)
        const masker = channels.get(channel)?.masker ?? createDeltaMasker(mask)
        const last = ends(place) && lastOf.get(channel) === text
        const piece = holder[property]
        const given = masker.push(String(piece), tally) + (last ? masker.end(tally) : '')
        changed ||= given !== piece
        holder[property] = given
        if (last) channels.delete(channel)
        else {
          const made = (rest: string) => ({ data: serialize(carrying(rest)), context })
          channels.set(channel, { masker, place, kept: data.length, made })
        }
      }
      if ([...channels.values()].reduce((sum, { kept }) => sum + kept, 0) > maxKept)
        throw new MaskError(
          'ERR_MASK_LIMIT',
          `the last events of the open texts of a stream have at most ${maxKept} characters`,
        )
      return { before, data: changed ? serialize(event) : data }
    },
    end: () => end(() => true),
  }
}

/** What is no such event is told without being parsed; a name may be written with escapes. */
const maybePieces = /"(?:delta|parts|choices)"|\\u/

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
