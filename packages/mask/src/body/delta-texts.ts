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

/** Where the pieces of a message are (Anthropic). */
const messagePaths = ['text', 'thinking', 'partial_json']

/** Where the pieces of a choice are (OpenAI, and what others add to it); `*` stands for each of a list. */
const choicePaths = [
  'text',
  'delta.content',
  'delta.refusal',
  'delta.reasoning',
  'delta.reasoning_content',
  'delta.reasoning_details.*.text',
  'delta.reasoning_details.*.summary',
  'delta.audio.transcript',
  'delta.function_call.arguments',
  'delta.tool_calls.*.function.arguments',
  'delta.tool_calls.*.custom.input',
]

/** The pieces in one event of the streaming APIs of OpenAI (completions, responses), Anthropic (messages) and Google (Gemini). */
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
    ...pieces({ holder: delta, channel: JSON.stringify(place), place }, messagePaths, (piece) => ({
      ...data,
      delta: { ...delta, ...piece },
    })),
    ...list(data['choices']).flatMap((choice) => ofChoice(choice, (given) => ({ ...data, choices: [given] }))),
    ...list(data['candidates']).flatMap((candidate) =>
      ofCandidate(candidate, (given) => ({ ...data, candidates: [given] })),
    ),
  ]
}

function ofChoice(choice: Members, around: (choice: Members) => Members): DeltaText[] {
  const index = String(choice['index'])
  const place = { choice: index }
  return pieces({ holder: choice, channel: `choice/${index}`, place }, choicePaths, (piece) =>
    around({ ...choice, text: undefined, delta: undefined, ...piece }),
  )
}

function ofCandidate(candidate: Members, around: (candidate: Members) => Members): DeltaText[] {
  const content = members(candidate['content'])
  const index = String(candidate['index'])
  const place = { candidate: index }
  return list(content?.['parts']).flatMap((part) => {
    const channel = `candidate/${index}/${String(part['thought'])}`
    return pieces({ holder: part, channel, place }, ['text'], (piece) =>
      around({ ...candidate, content: { ...content, parts: [{ ...part, ...piece }] } }),
    )
  })
}

function pieces(
  { holder, channel, place }: { holder: Members | undefined; channel: string; place: Place },
  paths: readonly string[],
  carrying: (piece: Members) => Members,
): DeltaText[] {
  return paths.flatMap((path) =>
    find(holder, path.split('.')).map((found) => ({
      ...found,
      channel: `${channel}/${path}${found.index}`,
      place,
      carrying: (text) => carrying(found.carrying(text)),
    })),
  )
}

interface Found extends Pick<DeltaText, 'holder' | 'property' | 'carrying'> {
  /** In the list that it is in. */
  readonly index: string
}

/** The texts at a path, each carried by its path alone: names and ids have been given. */
function find(holder: Members | undefined, [property = '', ...path]: readonly string[]): Found[] {
  const value = holder?.[property]
  if (holder === undefined || value === undefined) return []
  if (path.length === 0) {
    const carrying = (text: string): Members => ({ [property]: text })
    return typeof value === 'string' ? [{ holder, property, index: '', carrying }] : []
  }
  if (path[0] !== '*')
    return find(members(value), path).map((found) => ({
      ...found,
      carrying: (text) => ({ [property]: found.carrying(text) }),
    }))
  return list(value).flatMap((each) =>
    find(each, path.slice(1)).map((found) => ({
      ...found,
      index: `/${String(each['index'])}`,
      carrying: (text) => ({ [property]: [{ index: each['index'], ...found.carrying(text) }] }),
    })),
  )
}
