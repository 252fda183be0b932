import { createRequire } from 'node:module'

const { Anthropic } = createRequire('/opt/clients/')('@anthropic-ai/sdk')
const messages = [{ role: 'user', content: 'hello' }]
const stream = new Anthropic().messages.stream({ model: 'claude-opus-5-5', max_tokens: 100, messages })
let text = ''
stream.on('text', (piece) => (text += piece))
await stream.finalMessage()
console.log(text)
