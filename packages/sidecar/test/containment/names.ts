import { textOf, type Vector } from './vector.ts'

/** A question is answered here or not at all: nothing of it may be in any frame. */
const question = (name: string, call: string, args: object): Vector => ({
  name,
  guarded: true,
  async run(pod) {
    await pod.sandbox.frames()
    await pod.agent.call(call, { ...args })
    return (await pod.sandbox.frames()).map(textOf)
  },
})

const long = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}`

export const tunnels: readonly Vector[] = [
  question('a question with long labels', 'ask', { name: `${long}.tunnel.test` }),
  question('a question with long labels below an allowed suffix', 'ask', { name: `${long}.wild.test` }),
  question('many names', 'ask_many', { count: 100, below: 'tunnel.test' }),
  ...['TXT', 'NULL', 'ANY', 'HTTPS', 'SVCB', 'AAAA'].flatMap((kind) => [
    question(`a question of type ${kind}`, 'ask', { name: 'data.tunnel.test', kind }),
    question(`a question of type ${kind} about an allowed host`, 'ask', { name: 'data.wild.test', kind }),
  ]),
  question('a question over TCP', 'ask', { name: `${long}.tunnel.test`, transport: 'tcp' }),
  question('a question to another server', 'ask', { name: 'data.tunnel.test', server: '9.9.9.9' }),
  question('a question below the search suffix', 'ask', { name: 'data.default.svc.cluster.local' }),
  question('DNS over TLS', 'page_over_tls', { address: '9.9.9.9', port: 853, host: 'dns.tunnel.test', path: '/' }),
  question('DNS over HTTPS', 'page_over_tls', {
    address: '9.9.9.9',
    port: 443,
    host: 'dns.tunnel.test',
    path: '/dns-query?dns=AAAA',
  }),
]
