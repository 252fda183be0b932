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

/** Public ones; they are names as any other, and reached where a rule names them. */
const resolvers = [
  ['dns.google', '8.8.8.8'],
  ['cloudflare-dns.com', '1.1.1.1'],
  ['dns.quad9.net', '9.9.9.9'],
  ['doh.opendns.com', '208.67.222.222'],
  ['dns.nextdns.io', '45.90.28.0'],
  ['mozilla.cloudflare-dns.com', '104.16.248.249'],
] as const
const dohPath = `/dns-query?dns=${Buffer.from("the agent's secret").toString('base64url')}`

const long = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}`

interface Packet {
  readonly name?: string
  readonly type?: number
  readonly class?: number
  readonly opcode?: number
  readonly flags?: number
  /** Questions, answers, authorities, additional records, as the header counts them. */
  readonly counts?: readonly [number, number, number, number]
  readonly behind?: Buffer
}

/** A message of DNS (RFC 1035 §4.1) that resolvers do not send. */
function packet({ name = `${secretLabel}.tunnel.test`, type = 1, class: klass = 1, ...how }: Packet): Buffer {
  const { opcode = 0, flags = 0x0100, counts = [1, 0, 0, 0], behind = Buffer.alloc(0) } = how
  const words = (values: readonly number[]): Buffer =>
    Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]))
  const labels = name.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  return Buffer.concat([
    words([0x4348, flags | (opcode << 11), ...counts]),
    ...labels,
    Buffer.from([0]),
    words([type, klass]),
    behind,
  ])
}

const secretLabel = 'the-agents-secret'
/** An OPT record (RFC 6891) with an option that carries what one likes. */
const optionOf = (code: number, data: string): Buffer => {
  const bytes = Buffer.from(data)
  const head = Buffer.from([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, bytes.length + 4, code >> 8, code & 0xff, 0, bytes.length])
  return Buffer.concat([head, bytes])
}

const packets: readonly (readonly [what: string, bytes: Buffer])[] = [
  ...Object.entries({
    'an inverse query': 1,
    'a status query': 2,
    'a notification': 4,
    'a dynamic update': 5,
    'opcode 15': 15,
  }).map(([what, opcode]) => [what, packet({ opcode })] as const),
  ...Object.entries({ CSNET: 2, CHAOS: 3, HESIOD: 4, NONE: 254, ANY: 255 }).map(
    ([what, klass]) => [`a question of class ${what}`, packet({ class: klass })] as const,
  ),
  ...Object.entries({
    NS: 2,
    CNAME: 5,
    SOA: 6,
    NULL: 10,
    PTR: 12,
    MX: 15,
    SRV: 33,
    NAPTR: 35,
    AXFR: 252,
    URI: 256,
    CAA: 257,
    65_535: 65_535,
  }).flatMap(([what, type]) =>
    ['tunnel.test', 'wild.test'].map(
      (below) =>
        [`a question of type ${what} below ${below}`, packet({ type, name: `${secretLabel}.${below}` })] as const,
    ),
  ),
  ['a client subnet', packet({ counts: [1, 0, 0, 1], behind: optionOf(8, secretLabel), name: 'steady.test' })],
  ['a cookie', packet({ counts: [1, 0, 0, 1], behind: optionOf(10, secretLabel), name: 'steady.test' })],
  ['padding that is none', packet({ counts: [1, 0, 0, 1], behind: optionOf(12, secretLabel), name: 'steady.test' })],
  [
    'an option for private use',
    packet({ counts: [1, 0, 0, 1], behind: optionOf(65_001, secretLabel), name: 'steady.test' }),
  ],
  ['an answer', packet({ flags: 0x8180 })],
  ['a question that is cut off', packet({ flags: 0x0300 })],
  ['two questions', packet({ counts: [2, 0, 0, 0], behind: packet({}).subarray(12) })],
  ['no question', packet({ counts: [0, 0, 0, 0] })],
  [
    'a question with an answer in it',
    packet({ counts: [1, 1, 0, 0], behind: Buffer.from('c00c00010001000000000004c0000201', 'hex') }),
  ],
  ['bytes behind a question', packet({ behind: Buffer.from(secretLabel) })],
  ['a name that points at itself', Buffer.from('434801000001000000000000c00c00010001', 'hex')],
  ['a name of many labels', packet({ name: `${'a.'.repeat(120)}test` })],
  ['a name of many labels below an allowed suffix', packet({ name: `${'a.'.repeat(120)}wild.test` })],
  ['a label of any bytes below an allowed suffix', packet({ name: '\0\xff \x07.wild.test' })],
]

export const tunnels: readonly Vector[] = [
  ...packets.flatMap(([what, bytes]) =>
    ['udp', 'tcp'].map((transport) =>
      question(`${what} in DNS over ${transport.toUpperCase()}`, 'send_dns', {
        packet: bytes.toString('hex'),
        transport,
      }),
    ),
  ),
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
  ...resolvers.flatMap(([host, address]) => [
    question(`DNS over TLS to ${host}`, 'page_over_tls', { address, port: 853, host, path: '/' }),
    question(`DNS over HTTPS to ${host} by its address`, 'page_over_tls', { address, port: 443, host, path: dohPath }),
    question(`DNS over HTTPS to ${host} by its name`, 'page_over_tls', {
      address: host,
      port: 443,
      host,
      path: dohPath,
    }),
    question(`DNS over QUIC to ${host}`, 'udp', { address, port: 853 }),
  ]),
]
