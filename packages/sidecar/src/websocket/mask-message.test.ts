import { describe, expect, test } from '@jest/globals'
import { parseResource, agentSession, type AgentSession } from '@chaperone/api'
import { compileMask, createTally } from '@chaperone/mask'
import { maskMessage } from './mask-message.ts'

function profiles(): AgentSession['spec']['masking']['profiles'] {
  const parsed = parseResource<AgentSession>(agentSession, {
    apiVersion: 'chaperone.dev/v1alpha1',
    kind: 'AgentSession',
    metadata: { name: 'devin' },
    spec: {
      agent: { name: 'devin' },
      masking: { profiles: [{ name: 'pii', detect: ['EmailAddress', 'CreditCard'], fields: ['*.password'] }] },
    },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.resource.spec.masking.profiles
}
const mask = compileMask(profiles(), new Uint8Array(32))!

describe('the text of a message', () => {
  test.each([
    ['JSON', '{"password":"p","n":1}', '{"password":"[REDACTED:Field]","n":1}'],
    ['a JSON string alone', '"ada\\u0040example.com"', '"[REDACTED:EmailAddress]"'],
    ['Socket.IO', '42/admin,7["in",{"password":"p"}]', '42/admin,7["in",{"password":"[REDACTED:Field]"}]'],
    ['SignalR', '{"password":"p"}\u001e{}\u001e', '{"password":"[REDACTED:Field]"}\u001e{}\u001e'],
    [
      'words before JSON',
      'ada@example.com {"password":"p"}',
      '[REDACTED:EmailAddress] {"password":"[REDACTED:Field]"}',
    ],
    ['plain text', 'ada@example.com', '[REDACTED:EmailAddress]'],
    ['a card in groups, each of which is a JSON number', '4111 1111 1111 1111', '[REDACTED:CreditCard]'],
    ['JSON that is cut off', '{"mail":"ada@example.com"', '{"mail":"[REDACTED:EmailAddress]"'],
    ['nothing', '', ''],
  ])('that is %s is masked', (_name, text, expected) => {
    const tally = createTally()
    expect(maskMessage(text, mask, tally)).toBe(expected)
    expect(tally.total > 0).toBe(text !== expected)
  })
})
