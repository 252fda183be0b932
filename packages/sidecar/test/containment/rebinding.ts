import { sandboxAddresses } from '@chaperone/testkit'
import { apiServer, kubeletPort, nodeAddresses, resetting, upstream, type ContainedPod } from './contained-pod.ts'
import { textOf, type Vector } from './vector.ts'

const { pod: podAddresses, neighbour } = sandboxAddresses

/** What a hostile name server would like the sidecar to dial for the agent, by whatever name. */
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
  ['the node', nodeAddresses[0]],
  ['the node over IPv6', nodeAddresses[1]],
  ['the pod itself', podAddresses.v4],
  ['the pod itself over IPv6', podAddresses.v6],
  ['the API server, as the kubelet told,', apiServer.told],
  ['the API server, where its name leads,', apiServer.named],
  ['a multicast group', '224.0.0.251'],
  ['a broadcast address', '255.255.255.255'],
  ['a synthetic address', '240.240.0.1'],
] as const

/** What only names of the cluster may lead to. */
const privately = [
  ['another pod', neighbour.v4],
  ['another pod over IPv6', neighbour.v6],
  ['an address of RFC 1918', '172.16.5.4'],
  ['an address of RFC 1918 as an IPv4-mapped address', '::ffff:192.168.5.4'],
  ['an address of RFC 1918 behind NAT64', '64:ff9b::a09:807'],
  ['an address of RFC 6598', '100.64.5.4'],
] as const

const freshHost = async (pod: ContainedPod, suffix: string): Promise<string> =>
  `${String(await pod.outside.value('fresh_label'))}.${suffix}`

/** Frames other than questions to the pod's own name server about `host`, and about the API server, which is looked up with it. */
export async function dialledFor(pod: ContainedPod, host: string): Promise<string[]> {
  const asked = [host.split('.')[0] ?? '', 'kubernetes'].map((label) => Buffer.from(label))
  return (await pod.sandbox.frames())
    .filter(
      (frame) => frame.protocol !== 'udp' || frame.toPort !== 53 || !asked.some((each) => frame.payload.includes(each)),
    )
    .map(textOf)
}

/** The agent asks for a page of an allowed host, whose name resolves to an address that nobody meant to allow. */
const resolvesTo = (what: string, address: string, { suffix = 'wild.test', port = 80 } = {}): Vector => ({
  name: `${what} ${address} as the address of an allowed host below ${suffix}`,
  guarded: false,
  async run(pod) {
    const host = await freshHost(pod, suffix)
    const found = suffix.endsWith('.svc') ? `${host}.cluster.local` : host
    await pod.outside.value('answer', { name: found, addresses: [address] })
    await pod.sandbox.frames()
    const answer = String(await pod.agent.value('page', { host, port }))
    const leaks = await dialledFor(pod, host)
    return answer.includes('DestinationForbidden') ? leaks : [...leaks, `the agent was told ${answer}`]
  },
})

/** The owner of an allowed name makes it another name for one of the cluster's (CNAME), which does not make it one of them. */
const aliasOf = (what: string, target: string): Vector => ({
  name: `${what}, when an allowed host is another name for it,`,
  guarded: false,
  async run(pod) {
    const host = await freshHost(pod, 'wild.test')
    await pod.outside.value('alias', { name: host, target })
    await pod.sandbox.frames()
    const answer = String(await pod.agent.value('page', { host }))
    const leaks = await dialledFor(pod, host)
    return answer.includes('DestinationForbidden') ? leaks : [...leaks, `the agent was told ${answer}`]
  },
})

/** How a client of each protocol begins; whether anything is dialled for it shows outside. */
const protocols = {
  HTTP: { suffix: 'wild.test', port: 80, call: 'page', args: {} },
  HTTPS: { suffix: 'wild.test', port: 443, call: 'page_over_tls', args: { port: 443, path: '/' } },
  WebSocket: { suffix: 'wild.test', port: 80, call: 'websocket', args: {} },
  PostgreSQL: { suffix: 'database.test', port: 5432, call: 'postgres', args: {} },
  'TLS that passes unread': { suffix: 'unread.test', port: 443, call: 'page_over_tls', args: { port: 443, path: '/' } },
} as const

/** A name that moves: first to an address that may be dialled, which the sidecar remembers for a second; then to one that may not. */
export interface Move extends Vector {
  /** Dials it and moves it; moves of other names may come before `run`, which waits until it is no longer remembered. */
  begin(pod: ContainedPod): Promise<void>
}

const rebinds = (protocol: keyof typeof protocols, what: string, address: string): Move => {
  const { suffix, port, call, args } = protocols[protocol]
  let host = ''
  let first = { before: false, others: [] as string[] }
  const dialled = async (pod: ContainedPod): Promise<typeof first> => {
    await pod.sandbox.frames()
    await pod.agent.call(call, { host, ...(call === 'page_over_tls' ? { address: host } : {}), ...args })
    const tcp = (await pod.sandbox.frames()).filter((frame) => frame.protocol !== 'udp' || frame.toPort !== 53)
    const isBefore = ({ to }: { to: string }): boolean => to === upstream.v4
    return {
      before: tcp.some((frame) => isBefore(frame) && frame.toPort === port),
      others: tcp.filter((frame) => !isBefore(frame)).map(textOf),
    }
  }
  return {
    name: `${what} ${address}, when an allowed host moves there under ${protocol},`,
    guarded: false,
    async begin(pod) {
      host = await freshHost(pod, suffix)
      await pod.outside.value('answer', { name: host, addresses: [upstream.v4] })
      first = await dialled(pod)
      await pod.outside.value('answer', { name: host, addresses: [address] })
    },
    async run(pod) {
      if (!first.before) return ['it was not dialled before it moved', ...first.others]
      for (;;) {
        const { before, others } = await dialled(pod)
        if (others.length > 0 || !before) return others
      }
    },
  }
}

/** A connection that the sidecar keeps open is to where the name led when it was dialled, and leads nowhere else. */
const kept: Vector = {
  name: `an address of RFC 1918, when an allowed host moves there that the sidecar keeps a connection to,`,
  guarded: false,
  async run(pod) {
    const host = await freshHost(pod, 'wild.test')
    await pod.outside.value('answer', { name: host, addresses: [upstream.keeping] })
    await pod.sandbox.frames()
    for (let asked = 0; asked < 2; asked += 1) await pod.agent.value('page', { host })
    const dials = (await pod.sandbox.frames()).filter(({ to, text }) => to === upstream.keeping && /\bSYN\b/.test(text))
    if (dials.length !== 1) return [`the sidecar dialled ${dials.length} times`]
    await pod.outside.value('answer', { name: host, addresses: ['10.9.8.7'] })
    const leaks = (await dialledFor(pod, host)).filter((text) => text.includes('10.9.8.7'))
    await pod.agent.value('page', { host })
    const later = (await dialledFor(pod, host)).filter((text) => text.includes('10.9.8.7'))
    // Or it ends while something else is tried.
    await pod.outside.value('end_connections', {})
    return [...leaks, ...later]
  },
}

const mixed: Vector = {
  name: 'the forbidden one of two addresses of an allowed host',
  guarded: false,
  async run(pod) {
    const host = await freshHost(pod, 'wild.test')
    await pod.outside.value('answer', { name: host, addresses: ['169.254.169.254', '10.9.8.7', resetting] })
    await pod.sandbox.frames()
    await pod.agent.value('page', { host })
    return (await pod.sandbox.frames()).filter(({ to }) => to === '169.254.169.254' || to === '10.9.8.7').map(textOf)
  },
}

export const moves: readonly Move[] = [
  ...[...forbidden.slice(0, 5), ...forbidden.slice(9, 11), ...forbidden.slice(13, 15), ...privately.slice(0, 3)].map(
    ([what, address]) => rebinds('HTTP', what, address),
  ),
  ...(['HTTPS', 'WebSocket', 'PostgreSQL', 'TLS that passes unread'] as const).flatMap((protocol) =>
    [
      ['cloud metadata', '169.254.169.254'] as const,
      ['the API server', apiServer.told] as const,
      ['another pod', neighbour.v4] as const,
    ].map(([what, address]) => rebinds(protocol, what, address)),
  ),
]

/** Addresses that names lead to, at first or later; `moves` among them, which have to be begun. */
export const rebinding: readonly Vector[] = [
  ...[...forbidden, ...privately].map(([what, address]) => resolvesTo(what, address)),
  ...forbidden.map(([what, address]) => resolvesTo(what, address, { suffix: 'default.svc' })),
  resolvesTo('the port of the kubelet on the node', nodeAddresses[0], { port: kubeletPort }),
  resolvesTo('the port of the kubelet on another node', '172.18.0.9', { port: kubeletPort }),
  ...moves,
  aliasOf('a Service', 'private.default.svc.cluster.local'),
  aliasOf('the API server', 'kubernetes.default.svc.cluster.local'),
  kept,
  mixed,
]

/** Names of the cluster lead where the cluster says. */
export const namesOfTheCluster: readonly Vector[] = [
  ['a private address behind a Service is reached by its name', 'private.default.svc'],
  ['the API server is reached by its own name', 'kubernetes.default.svc'],
  ['a private address in a range that the rule lists is reached', 'listed.test'],
].map(([name = '', host = '']) => ({
  name,
  guarded: false,
  async run(pod) {
    const answer = String(await pod.agent.value('page', { host }))
    return answer.endsWith('outside') ? [] : [`the agent was told ${answer}`]
  },
}))
