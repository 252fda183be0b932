import { nodeAddresses, resetting, upstream, type ContainedPod } from './contained-pod.ts'
import { textOf, type Vector } from './vector.ts'
import { sandboxAddresses } from '@chaperone/testkit'

const { pod: podAddresses } = sandboxAddresses

/** What a hostile name server would like the sidecar to dial for the agent. */
const forbidden = [
  ['cloud metadata', '169.254.169.254'],
  ['cloud metadata over IPv6', 'fd00:ec2::254'],
  ['cloud metadata as an IPv4-mapped address', '::ffff:169.254.169.254'],
  ['cloud metadata behind NAT64', '64:ff9b::a9fe:a9fe'],
  ['a link-local address', '169.254.10.10'],
  ['a link-local IPv6 address', 'fe80::1'],
  ['loopback', '127.0.0.1'],
  ['IPv6 loopback', '::1'],
  ['any address, which is loopback,', '0.0.0.0'],
  ['the node, where the kubelet is,', nodeAddresses[0]],
  ['the node over IPv6', nodeAddresses[1]],
  ['the pod itself', podAddresses.v4],
  ['the pod itself over IPv6', podAddresses.v6],
  ['a multicast group', '224.0.0.251'],
  ['a broadcast address', '255.255.255.255'],
  ['a synthetic address', '240.240.0.1'],
] as const

/** Frames other than questions to the pod's own name server about `host`. */
async function dialled(pod: ContainedPod, host: string): Promise<string[]> {
  const asks = Buffer.from(host.split('.')[0] ?? '')
  return (await pod.sandbox.frames())
    .filter(({ protocol, toPort, payload }) => !(protocol === 'udp' && toPort === 53 && payload.includes(asks)))
    .map(textOf)
}

/** The agent asks for a page of an allowed host, whose name resolves to an address that nobody meant to allow. */
const resolvesTo = (what: string, address: string): Vector => ({
  name: `${what}, ${address}, as the address of an allowed host`,
  guarded: false,
  async run(pod) {
    const host = `${String(await pod.outside.value('fresh_label'))}.wild.test`
    await pod.outside.value('answer', { name: host, addresses: [address] })
    await pod.sandbox.frames()
    const answer = String(await pod.agent.value('page', { host }))
    const leaks = await dialled(pod, host)
    return answer.includes('DestinationForbidden') ? leaks : [...leaks, `the agent was told ${answer}`]
  },
})

/** First an address that may be dialled, which the sidecar remembers for a second; then one that may not. */
const rebinds: Vector = {
  name: 'cloud metadata, when an allowed host moves there,',
  guarded: false,
  async run(pod) {
    const host = 'rebinding.test'
    await pod.outside.value('answer', { name: host, addresses: [upstream.v4] })
    const before = String(await pod.agent.value('page', { host }))
    if (!before.endsWith('outside')) return [`the agent was told ${before}`]
    await pod.outside.value('answer', { name: host, addresses: ['169.254.169.254'] })
    for (;;) {
      const answer = String(await pod.agent.value('page', { host }))
      const leaks = (await pod.sandbox.frames()).filter(({ to }) => to === '169.254.169.254').map(textOf)
      if (leaks.length > 0 || answer.includes('DestinationForbidden')) return leaks
      if (!answer.endsWith('outside')) return [`the agent was told ${answer}`]
    }
  },
}

const mixed: Vector = {
  name: 'the forbidden one of two addresses of an allowed host',
  guarded: false,
  async run(pod) {
    const host = `${String(await pod.outside.value('fresh_label'))}.wild.test`
    await pod.outside.value('answer', { name: host, addresses: ['169.254.169.254', resetting] })
    await pod.sandbox.frames()
    await pod.agent.value('page', { host })
    return (await pod.sandbox.frames()).filter(({ to }) => to === '169.254.169.254').map(textOf)
  },
}

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

export const rebinding: readonly Vector[] = [
  ...forbidden.map(([what, address]) => resolvesTo(what, address)),
  rebinds,
  mixed,
]

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
