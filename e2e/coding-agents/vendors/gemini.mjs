// The Gemini API as Google publishes it: requests are checked, answers are streamed as server-sent events.
import { createExpect, isFilled, isObject, isText } from './expectations.mjs'
import { next, pieces } from './script.mjs'

const texts = (parts) => (parts ?? []).map(({ text }) => text).filter(isText)

export function generateContent({ body }, isStreamed) {
  const expect = createExpect()
  expect(Array.isArray(body.contents) && body.contents.length > 0, 'contents: expected at least one')
  expect.done()
  for (const [index, { role, parts }] of body.contents.entries()) {
    expect(role === undefined || ['user', 'model'].includes(role), `contents[${index}].role: expected user or model`)
    expect(Array.isArray(parts) && parts.every(isObject), `contents[${index}].parts: expected parts`)
  }
  const tools = (body.tools ?? []).flatMap(({ functionDeclarations }) => functionDeclarations ?? [])
  expect(
    tools.every(({ name }) => isFilled(name)),
    'tools: expected function declarations with names',
  )
  expect.done()
  const tool = tools.find(({ name }) => name === 'run_shell_command')
  const asked = body.contents.findLastIndex(
    ({ role, parts }) => role === 'user' && texts(parts).some((text) => text.includes('«')),
  )
  const results = body.contents
    .slice(asked + 1)
    .flatMap(({ parts }) => parts)
    .filter(({ functionResponse }) => functionResponse !== undefined)
    .map(({ functionResponse }) => JSON.stringify(functionResponse.response))
  const step = next({ prompt: texts(body.contents[asked]?.parts).join('\n'), results, canRun: tool !== undefined })
  const parts = isText(step.text)
    ? (isStreamed ? pieces(step.text) : [step.text]).map((text) => ({ text }))
    : [{ functionCall: { name: tool.name, args: { command: step.command, description: 'as asked' } } }]
  const chunks = parts.map((part, index) => ({
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts: [part] },
        ...(index === parts.length - 1 ? { finishReason: 'STOP' } : {}),
      },
    ],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 10, totalTokenCount: 20 },
    responseId: 'response-1',
  }))
  return isStreamed ? { events: chunks.map((data) => ({ data })) } : { status: 200, json: chunks[0] }
}

export const countTokens = () => ({ status: 200, json: { totalTokens: 10 } })
