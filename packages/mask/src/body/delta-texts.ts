/** A piece of a text that an LLM streams, as one event of it holds it. */
export interface DeltaText {
  /** Which of the texts that the stream carries at the same time. */
  readonly channel: string
  readonly holder: Record<string, unknown>
  readonly property: string
  /** Nothing follows in this channel. */
  readonly last: boolean
}

/** The pieces in one event of the OpenAI (chat completions, responses) and Anthropic (messages) streaming APIs. */
export function deltaTexts(event: unknown): DeltaText[] {
  const data = record(event)
  if (data === undefined) return []
  if (typeof data['delta'] === 'string') {
    const channel = [data['type'], data['item_id'], data['output_index'], data['content_index']].join('/')
    return [{ channel, holder: data, property: 'delta', last: false }]
  }
  const choices = Array.isArray(data['choices']) ? data['choices'].map(record) : []
  return [
    ...pieces(record(data['delta']), String(data['index']), ['text', 'thinking', 'partial_json'], false),
    ...choices.flatMap((choice) => ofChoice(choice)),
  ]
}

function ofChoice(choice: Record<string, unknown> | undefined): DeltaText[] {
  const delta = record(choice?.['delta'])
  const channel = `choice/${String(choice?.['index'])}`
  const last = typeof choice?.['finish_reason'] === 'string'
  const calls = Array.isArray(delta?.['tool_calls']) ? delta['tool_calls'].map(record) : []
  return [
    ...pieces(delta, channel, ['content', 'refusal', 'reasoning_content'], last),
    ...calls.flatMap((call) =>
      pieces(record(call?.['function']), `${channel}/${String(call?.['index'])}`, ['arguments'], last),
    ),
  ]
}

function pieces(
  holder: Record<string, unknown> | undefined,
  channel: string,
  properties: readonly string[],
  last: boolean,
): DeltaText[] {
  if (holder === undefined) return []
  return properties
    .filter((property) => typeof holder[property] === 'string')
    .map((property) => ({ channel: `${channel}/${property}`, holder, property, last }))
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
