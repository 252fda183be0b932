import { createRequire } from 'node:module'

const { OpenAI } = createRequire('/opt/clients/')('openai')
const client = new OpenAI()
const messages = [{ role: 'user', content: 'hello' }]
let text = ''
for await (const chunk of await client.chat.completions.create({ model: 'gpt-5', messages, stream: true }))
  text += chunk.choices[0].delta.content ?? ''
console.log(text)
text = ''
for await (const event of await client.responses.create({ model: 'gpt-5', input: 'hello', stream: true }))
  if (event.type === 'response.output_text.delta') text += event.delta
console.log(text)
