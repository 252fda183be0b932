import { list, members, type Members } from './members.ts'

/** Where in a stream a text is, in the words of the API; what an API does not name is undefined. */
export type Place = Readonly<Record<string, unknown>>

/** How the APIs call the event after which a text, an item or all of a response has no more pieces. */
const ending = /(?:^|[._-])(?:done|completed|failed|incomplete|stop|end|finish)$/i
/** It ends the sound, whose transcript may go on. */
const isSound = /audio\.done$/

/** The place that an event names (OpenAI responses and realtime, Anthropic messages). */
export function placeOf(event: Members): Place {
  return {
    response_id: event['response_id'] ?? members(event['response'])?.['id'],
    item_id: event['item_id'] ?? members(event['item'])?.['id'],
    output_index: event['output_index'],
    content_index: event['content_index'],
    summary_index: event['summary_index'],
    index: event['index'],
  }
}

/**
 * Tells the places that an event ends: those alone that it names, or all that it leaves open (`message_stop`). Whatever else an
 * event says ends nothing: the agent can call forth errors, news of limits and items of its own while a text comes.
 */
export function endsOf(event: Members): (place: Place) => boolean {
  const type = String(event['type'])
  const ended: Place[] = [
    ...(ending.test(type) && !isSound.test(type) ? [placeOf(event)] : []),
    ...list(event['choices'])
      .filter((choice) => isReason(choice['finish_reason']))
      .map((choice) => ({ choice: String(choice['index']) })),
    ...list(event['candidates'])
      .filter((candidate) => isReason(candidate['finishReason']))
      .map((candidate) => ({ candidate: String(candidate['index']) })),
  ]
  return (place) => ended.some((end) => covers(end, place))
}

function covers(end: Place, place: Place): boolean {
  return Object.entries(end).every(
    ([name, value]) => value === undefined || place[name] === undefined || place[name] === value,
  )
}

/** Some servers write an empty one in every event. */
const isReason = (value: unknown): boolean => typeof value === 'string' && value !== ''
