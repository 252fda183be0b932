// Chat Completions and Responses as OpenAI publishes them: requests are checked, answers are streamed as server-sent events.
import { createExpect, isFilled, isObject, isText } from './expectations.mjs'
import { next, pieces } from './script.mjs'

const texts = (content) => (isText(content) ? [content] : (content ?? []).map(({ text }) => text).filter(isText))
const isPrompt = ({ role, content }) => role === 'user' && texts(content).some((text) => text.includes('«'))

export function chatCompletions({ body }) {
  const expect = createExpect()
  expect(isFilled(body.model), 'model: expected a name')
  expect(Array.isArray(body.messages) && body.messages.length > 0, 'messages: expected at least one')
  expect.done()
  for (const [index, { role, content, tool_calls: calls }] of body.messages.entries()) {
    expect(
      ['developer', 'system', 'user', 'assistant', 'tool'].includes(role),
      `messages[${index}].role: not one of the roles`,
    )
    expect(
      isText(content) || Array.isArray(content) || Array.isArray(calls),
      `messages[${index}].content: expected text or parts`,
    )
  }
  expect.done()
  const step = next({ prompt: '', results: [], canRun: false })
  const base = { id: 'chatcmpl-1', created: 1, model: body.model }
  if (body.stream !== true) {
    const choice = { index: 0, message: { role: 'assistant', content: step.text }, finish_reason: 'stop' }
    return { status: 200, json: { ...base, object: 'chat.completion', choices: [choice] } }
  }
  const chunk = (delta, finish_reason = null) => ({
    data: { ...base, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] },
  })
  return {
    events: [
      chunk({ role: 'assistant', content: '' }),
      ...pieces(step.text).map((content) => chunk({ content })),
      chunk({}, 'stop'),
      { data: '[DONE]' },
    ],
  }
}

/** Tools that run commands, by the names that clients give them, with what each wants to hear. */
const runners = {
  shell: (command) => ({ command: ['sh', '-c', command] }),
  shell_command: (command) => ({ command }),
  exec_command: (command) => ({ cmd: command }),
  bash: (command) => ({ command, description: 'as asked' }),
}

/** The tools of a request; Codex hands them over as an item of its own. */
const toolsOf = ({ tools, input }) =>
  [
    ...(tools ?? []),
    ...(Array.isArray(input) ? input.flatMap((item) => (item.type === 'additional_tools' ? item.tools : [])) : []),
  ].flatMap((tool) => (tool.type === 'namespace' ? tool.tools : [tool]))

function callOf(tool, command) {
  const call = { call_id: 'call_1', status: 'completed', name: tool.name }
  // Codex's tool that runs scripts, which run commands.
  if (tool.type === 'custom')
    return {
      type: 'custom_tool_call',
      id: 'ctc_1',
      ...call,
      input: `text((await tools.exec_command({ cmd: ${JSON.stringify(command)} })).output)`,
    }
  return { type: 'function_call', id: 'fc_1', ...call, arguments: JSON.stringify(runners[tool.name](command)) }
}

export function responses({ body }) {
  const expect = createExpect()
  expect(isFilled(body.model), 'model: expected a name')
  expect(isText(body.input) || Array.isArray(body.input), 'input: expected text or items')
  expect.done()
  const items = isText(body.input) ? [{ role: 'user', content: body.input }] : body.input
  for (const [index, item] of items.entries()) expect(isObject(item), `input[${index}]: expected an object`)
  const tools = toolsOf(body)
  for (const [index, tool] of tools.entries())
    expect(
      isFilled(tool.type) && (tool.type !== 'function' || isFilled(tool.name)),
      `tools[${index}]: expected type and name`,
    )
  expect.done()
  const tool = tools.find(({ type, name }) =>
    type === 'custom' ? name === 'exec' : Object.hasOwn(runners, name ?? ''),
  )
  const asked = items.findLastIndex(isPrompt)
  const results = items
    .slice(asked + 1)
    .filter(({ type }) => /_call_output$/.test(type ?? ''))
    .flatMap(({ output }) => texts(output))
  const step = next({ prompt: texts(items[asked]?.content).join('\n'), results, canRun: tool !== undefined })
  const item =
    step.command === undefined
      ? {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: step.text, annotations: [] }],
        }
      : callOf(tool, step.command)
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: body.model,
    status: 'completed',
    output: [item],
    usage: {
      input_tokens: 10,
      output_tokens: 10,
      total_tokens: 20,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  }
  return body.stream === true ? { events: stream(response, item) } : { status: 200, json: response }
}

function stream(response, item) {
  const begun = { ...response, status: 'in_progress', output: [], usage: null }
  const at = { item_id: item.id, output_index: 0 }
  const inner = item.type === 'message' ? messageEvents(item, { ...at, content_index: 0 }) : callEvents(item, at)
  return [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...inner,
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response },
  ].map((event, index) => ({ name: event.type, data: { ...event, sequence_number: index } }))
}

function messageEvents(item, at) {
  const [part] = item.content
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
    ...pieces(part.text).map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part },
  ]
}

function callEvents(item, at) {
  const [property, kind] =
    item.type === 'custom_tool_call' ? ['input', 'custom_tool_call_input'] : ['arguments', 'function_call_arguments']
  return [
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', [property]: '' } },
    ...pieces(item[property]).map((delta) => ({ type: `response.${kind}.delta`, ...at, delta })),
    { type: `response.${kind}.done`, ...at, name: item.name, [property]: item[property] },
  ]
}
