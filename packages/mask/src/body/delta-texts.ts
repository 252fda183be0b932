import { placeOf, type Place } from './delta-ends.ts'
import { list, members, type Members } from './members.ts'

/** A piece of a text that an LLM streams, as one event of it holds it. */
export interface DeltaText {
  /** Which of the texts that the stream carries at the same time. */
  readonly channel: string
  readonly place: Place
  readonly holder: Members
  readonly property: string
  /** An event of the same kind that carries this piece and nothing else: a client adds up what it is given. */
  carrying(text: string): Members
}

/** The pieces in one event of the streaming APIs of OpenAI (chat completions, responses), Anthropic (messages) and Google (Gemini). */
export function deltaTexts(data: Members): DeltaText[] {
  // Sound in Base64: no text, and its pieces are decoded one by one.
  if (String(data['type']).endsWith('audio.delta')) return []
  const place = placeOf(data)
  if (typeof data['delta'] === 'string') {
    const channel = JSON.stringify([data['type'], place])
    return [{ channel, place, holder: data, property: 'delta', carrying: (text) => ({ ...data, delta: text }) }]
  }
  const delta = members(data['delta'])
  return [
    ...pieces(
      { holder: delta, channel: JSON.stringify(place), place },
      ['text', 'thinking', 'partial_json'],
      (piece) => ({
        ...data,
        delta: { ...delta, ...piece },
      }),
    ),
    ...list(data['choices']).flatMap((choice) => ofChoice(choice, (given) => ({ ...data, choices: [given] }))),
    ...list(data['candidates']).flatMap((candidate) =>
      ofCandidate(candidate, (given) => ({ ...data, candidates: [given] })),
    ),
  ]
}

function ofChoice(choice: Members, around: (choice: Members) => Members): DeltaText[] {
  const delta = members(choice['delta'])
  const index = String(choice['index'])
  const channel = `choice/${index}`
  const place = { choice: index }
  return [
    ...pieces({ holder: delta, channel, place }, ['content', 'refusal', 'reasoning_content'], (piece) =>
      around({ ...choice, delta: piece }),
    ),
    ...list(delta?.['tool_calls']).flatMap((call) =>
      pieces(
        { holder: members(call['function']), channel: `${channel}/${String(call['index'])}`, place },
        ['arguments'],
        // Without its name and id, which have been given.
        (piece) => around({ ...choice, delta: { tool_calls: [{ index: call['index'], function: piece }] } }),
      ),
    ),
  ]
}

function ofCandidate(candidate: Members, around: (candidate: Members) => Members): DeltaText[] {
  const content = members(candidate['content'])
  const index = String(candidate['index'])
  return list(content?.['parts']).flatMap((part) => {
    const channel = `candidate/${index}/${String(part['thought'])}`
    return pieces({ holder: part, channel, place: { candidate: index } }, ['text'], (piece) =>
      around({ ...candidate, content: { ...content, parts: [{ ...part, ...piece }] } }),
    )
  })
}

function pieces(
  { holder, channel, place }: { holder: Members | undefined; channel: string; place: Place },
  properties: readonly string[],
  carrying: (piece: Members) => Members,
): DeltaText[] {
  if (holder === undefined) return []
  return properties
    .filter((property) => typeof holder[property] === 'string')
    .map((property) => ({
      channel: `${channel}/${property}`,
      place,
      holder,
      property,
      carrying: (text) => carrying({ [property]: text }),
    }))
}
