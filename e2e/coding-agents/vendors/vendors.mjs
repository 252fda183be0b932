// What each name answers, and whether a caller presents the credential that is known here.
import { readFileSync } from 'node:fs'
import * as anthropic from './anthropic.mjs'
import * as aws from './aws.mjs'
import * as azure from './azure.mjs'
import * as gemini from './gemini.mjs'
import * as openai from './openai.mjs'

const key = readFileSync(process.env.KEY ?? '/secrets/key', 'utf8').trim()
const keyFields = ['authorization', 'x-api-key', 'x-goog-api-key']
/** The key in its field, and none in the fields of others: an API that takes either would have to choose. */
const isKey = (field, value) => (headers) =>
  headers[field] === value && keyFields.every((name) => name === field || headers[name] === undefined)

const isBearer = isKey('authorization', `Bearer ${key}`)
const table = (routes) => (asked) => routes[asked]
/** Those of AWS look at signatures themselves. */
const isSigned = () => true

function geminiRoute(asked) {
  const [, method] = /^POST \/v1beta\/models\/[^/:]+:(\w+)$/.exec(asked) ?? []
  switch (method) {
    case 'countTokens':
      return gemini.countTokens
    case 'generateContent':
      return (request) => gemini.generateContent(request, false)
    case 'streamGenerateContent':
      return (request) => gemini.generateContent(request, true)
  }
}

/** `route('METHOD /path')` gives what answers. */
export const vendors = {
  'api.anthropic.com': {
    isKnown: isKey('x-api-key', key),
    route: table({ 'POST /v1/messages': anthropic.messages, 'POST /v1/messages/count_tokens': anthropic.countTokens }),
  },
  'api.openai.com': {
    isKnown: isBearer,
    route: table({ 'POST /v1/chat/completions': openai.chatCompletions, 'POST /v1/responses': openai.responses }),
  },
  'generativelanguage.googleapis.com': { isKnown: isKey('x-goog-api-key', key), route: geminiRoute },
  'management.azure.com': { isKnown: isBearer, route: table({ 'GET /subscriptions': azure.subscriptions }) },
  'sts.eu-central-1.amazonaws.com': { isKnown: isSigned, route: table({ 'POST /': aws.securityTokens }) },
  'shelf.s3.eu-central-1.amazonaws.com': { isKnown: isSigned, route: () => aws.bucket },
}
