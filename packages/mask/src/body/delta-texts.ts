/** A piece of a text that an LLM streams, as one event of it holds it. */
export interface DeltaText {
  /** Which of the texts that the stream carries at the same time. */
  readonly channel: string
  readonly holder: Members
  readonly property: string
  /** Nothing follows in this channel. */
  readonly last: boolean
  /** An event of the same kind that carries this piece and nothing else: a client adds up what it is given. */
  carrying(text: string): Members
}

type Members = Record<string, unknown>

/** The pieces in one event of the streaming APIs of OpenAI (chat completions, responses), Anthropic (messages) and Google (Gemini). */
export function deltaTexts(event: unknown): DeltaText[] {
  const data = members(event)
  if (data === undefined) return []
  // Sound in Base64: no text, and its pieces are decoded one by one.
  if (String(data['type']).endsWith('audio.delta')) return []
  if (typeof data['delta'] === 'string') {
    const channel = [data['type'], data['item_id'], data['output_index'], data['content_index']].join('/')
    return [{ channel, holder: data, property: 'delta', last: false, carrying: (text) => ({ ...data, delta: text }) }]
  }
  const delta = members(data['delta'])
  return [
    ...pieces(
      { holder: delta, channel: String(data['index']), last: false },
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
  const channel = `choice/${String(choice['index'])}`
  const last = typeof choice['finish_reason'] === 'string'
  return [
    ...pieces({ holder: delta, channel, last }, ['content', 'refusal', 'reasoning_content'], (piece) =>
      around({ ...choice, delta: piece }),
    ),
    ...list(delta?.['tool_calls']).flatMap((call) =>
      pieces(
        { holder: members(call['function']), channel: `${channel}/${String(call['index'])}`, last },
        ['arguments'],
        // Without its name and id, which have been given.
        (piece) => around({ ...choice, delta: { tool_calls: [{ index: call['index'], function: piece }] } }),
      ),
    ),
  ]
}

function ofCandidate(candidate: Members, around: (candidate: Members) => Members): DeltaText[] {
  const content = members(candidate['content'])
  const last = typeof candidate['finishReason'] === 'string'
  return list(content?.['parts']).flatMap((part) => {
    const channel = `candidate/${String(candidate['index'])}/${String(part['thought'])}`
    return pieces({ holder: part, channel, last }, ['text'], (piece) =>
      around({ ...candidate, content: { ...content, parts: [{ ...part, ...piece }] } }),
    )
  })
}

function pieces(
  { holder, channel, last }: { holder: Members | undefined; channel: string; last: boolean },
  properties: readonly string[],
  carrying: (piece: Members) => Members,
): DeltaText[] {
  if (holder === undefined) return []
  return properties
    .filter((property) => typeof holder[property] === 'string')
    .map((property) => ({
      channel: `${channel}/${property}`,
      holder,
      property,
      last,
      carrying: (text) => carrying({ [property]: text }),
    }))
}

const list = (value: unknown): Members[] =>
  Array.isArray(value) ? value.map(members).filter((each) => each !== undefined) : []

function members(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
}
