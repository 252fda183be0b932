// The Messages API as Anthropic publishes it: requests are checked, answers are streamed as server-sent events.
import { createExpect, isFilled, isObject, isText } from './expectations.mjs'
import { next, pieces } from './script.mjs'

const blockFields = {
  text: ({ text }) => isText(text),
  thinking: ({ thinking }) => isText(thinking),
  tool_use: ({ id, name, input }) => isFilled(id) && isFilled(name) && isObject(input),
  tool_result: ({ tool_use_id: id, content }) =>
    isFilled(id) && (content === undefined || isText(content) || Array.isArray(content)),
}

const blocks = (content) => (isText(content) ? [{ type: 'text', text: content }] : content)
const texts = (content) =>
  blocks(content ?? [])
    .filter(({ type }) => type === 'text')
    .map(({ text }) => text)

function check({ headers, body }) {
  const expect = createExpect()
  expect(/^\d{4}-\d\d-\d\d$/.test(headers['anthropic-version']), 'anthropic-version: expected a date')
  expect(isFilled(body.model), 'model: expected a name')
  expect(Number.isInteger(body.max_tokens) && body.max_tokens > 0, 'max_tokens: expected a positive integer')
  expect(Array.isArray(body.messages) && body.messages.length > 0, 'messages: expected at least one')
  expect.done()
  const called = new Set()
  for (const [index, { role, content }] of body.messages.entries()) {
    expect(['user', 'assistant', 'system'].includes(role), `messages.${index}.role: expected user or assistant`)
    expect(isText(content) || Array.isArray(content), `messages.${index}.content: expected text or blocks`)
    expect.done()
    for (const block of blocks(content)) {
      expect(blockFields[block.type]?.(block) ?? true, `messages.${index}.content: a ${block.type} block lacks a field`)
      if (block.type === 'tool_use') called.add(block.id)
      if (block.type === 'tool_result') expect(called.has(block.tool_use_id), `messages.${index}: a result of no call`)
    }
  }
  for (const tool of body.tools ?? [])
    expect(
      isFilled(tool.name) && (tool.type !== undefined || isObject(tool.input_schema)),
      'tools: expected name and input_schema',
    )
  expect.done()
}

/** `{ status, json }` or `{ events }`. */
export function messages(request) {
  check(request)
  const { body } = request
  const tool = (body.tools ?? []).find(({ name }) => /^bash$/i.test(name))
  const asked = body.messages.findLastIndex(
    ({ role, content }) => role === 'user' && texts(content).some((text) => /«/.test(text)),
  )
  const results = body.messages
    .slice(asked + 1)
    .flatMap(({ content }) => blocks(content))
    .filter(({ type }) => type === 'tool_result')
    .flatMap(({ content }) => texts(content))
  const step = next({ prompt: texts(body.messages[asked]?.content).join('\n'), results, canRun: tool !== undefined })
  const block =
    step.command === undefined
      ? { type: 'text', text: step.text }
      : { type: 'tool_use', id: 'toolu_01', name: tool.name, input: { command: step.command, description: 'as asked' } }
  const message = {
    id: 'msg_01',
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [block],
    stop_reason: step.command === undefined ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 10 },
  }
  return body.stream === true ? { events: stream(message, block) } : { status: 200, json: message }
}

function stream(message, block) {
  const deltas =
    block.type === 'text'
      ? pieces(block.text).map((text) => ({ type: 'text_delta', text }))
      : pieces(JSON.stringify(block.input)).map((part) => ({ type: 'input_json_delta', partial_json: part }))
  const { stop_reason, stop_sequence, usage, ...rest } = message
  return [
    { type: 'message_start', message: { ...rest, content: [], stop_reason: null, stop_sequence, usage } },
    {
      type: 'content_block_start',
      index: 0,
      content_block: block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} },
    },
    { type: 'ping' },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage: { output_tokens: 10 } },
    { type: 'message_stop' },
  ].map((event) => ({ name: event.type, data: event }))
}

export const countTokens = () => ({ status: 200, json: { input_tokens: 10 } })
