import { sandboxAddresses } from '@chaperone/testkit'
import { sidecarPorts } from '@chaperone/guard'
import { proxyUid } from './contained-pod.ts'
import { attempt, type Attempt, type Attacker, type Vector } from './vector.ts'

const elsewhere = { v4: '192.0.2.1', v6: '2001:db8::1' } as const
const { gateway, neighbour } = sandboxAddresses

/** Destinations that tempt, on the link and off it. */
const destinations = [
  ['a public address', elsewhere.v4, elsewhere.v6],
  ['the gateway', gateway.v4, gateway.v6],
  ['another pod', neighbour.v4, neighbour.v6],
  ['cloud metadata', '169.254.169.254', 'fd00:ec2::254'],
  ['a synthetic address', '240.240.0.1', '100::f0f0:1'],
] as const

const both = ['v4', 'v6'] as const
const families = { v4: 'IPv4', v6: 'IPv6' } as const

const tcp: readonly Attempt[] = [
  ...destinations.flatMap(([what, v4, v6]) =>
    [v4, v6].map((address) => ({ name: `TCP to ${what}, ${address},`, call: 'tcp', args: { address, port: 443 } })),
  ),
  ...[22, 53, 80, 853, 6443, 10_250, 65_535].map((port) => ({
    name: `TCP to port ${port}`,
    call: 'tcp',
    args: { address: elsewhere.v4, port },
  })),
  { name: 'TCP to an IPv4-mapped address', call: 'tcp', args: { address: '::ffff:192.0.2.1', port: 443 } },
  ...both.map((family) => ({
    name: `multipath TCP over ${families[family]}`,
    call: 'tcp',
    args: { address: elsewhere[family], port: 443, protocol: 262 },
  })),
  ...both.map((family) => ({
    name: `TCP fast open over ${families[family]}`,
    call: 'tcp_fast_open',
    args: { address: elsewhere[family], port: 443 },
  })),
  {
    name: 'TCP from a declared port',
    call: 'tcp',
    args: { address: elsewhere.v4, port: 443, from_port: 8080 },
  },
]

const datagrams: readonly Attempt[] = [
  ...destinations.flatMap(([what, v4, v6]) =>
    [v4, v6].map((address) => ({ name: `UDP to ${what}, ${address},`, call: 'udp', args: { address, port: 9999 } })),
  ),
  ...both.flatMap((family) => [
    {
      name: `QUIC over ${families[family]}`,
      call: 'udp',
      args: { address: elsewhere[family], port: 443 },
    },
    {
      name: `UDP-Lite over ${families[family]}`,
      call: 'udp',
      args: { address: elsewhere[family], port: 443, protocol: 136 },
    },
    {
      name: `an ICMP echo with a payload over ${families[family]}`,
      call: 'echo',
      args: { address: elsewhere[family] },
    },
    {
      name: `UDP from a declared port over ${families[family]}`,
      call: 'udp',
      args: { address: elsewhere[family], port: 443, from_port: 8080 },
    },
    {
      name: `UDP bound to the device over ${families[family]}`,
      call: 'udp',
      args: { address: elsewhere[family], port: 443, device: 'eth0' },
    },
    // SCTP and DCCP among them, where the kernel has them.
    {
      name: `a socket of any type and protocol over ${families[family]}`,
      call: 'every_protocol',
      args: { address: elsewhere[family] },
    },
  ]),
  { name: 'UDP to an IPv4-mapped address', call: 'udp', args: { address: '::ffff:192.0.2.1', port: 443 } },
  {
    name: 'multicast over IPv4, as of mDNS,',
    call: 'udp',
    args: { address: '224.0.0.251', port: 5353, device: 'eth0' },
  },
  { name: 'multicast over IPv6, as of mDNS,', call: 'udp', args: { address: 'ff02::fb', port: 5353, device: 'eth0' } },
  { name: 'a question of LLMNR over IPv4', call: 'udp', args: { address: '224.0.0.252', port: 5355, device: 'eth0' } },
  { name: 'a question of LLMNR over IPv6', call: 'udp', args: { address: 'ff02::1:3', port: 5355, device: 'eth0' } },
  { name: 'a search of SSDP', call: 'udp', args: { address: '239.255.255.250', port: 1900, device: 'eth0' } },
  { name: 'a question of NetBIOS', call: 'udp', args: { address: '10.77.0.255', port: 137 } },
  ...[67, 69, 123, 161, 514, 4500].map((port) => ({
    name: `UDP to port ${port}`,
    call: 'udp',
    args: { address: elsewhere.v4, port },
  })),
  { name: 'a broadcast', call: 'udp', args: { address: '255.255.255.255', port: 9999, device: 'eth0' } },
  { name: 'a broadcast on the link', call: 'udp', args: { address: '10.77.0.255', port: 9999 } },
  {
    name: 'the report of joining an IPv6 group, which carries 112 bits of choice,',
    call: 'join',
    args: { group: 'ff02::dead:beef:1' },
  },
  { name: 'the report of joining an IPv4 group, which carries 28,', call: 'join', args: { group: '239.1.2.3' } },
]

/** What the kernel refuses to anybody without the capability; it says so, and the guard is not needed. */
const privileged = (by: Attacker, who: string): readonly Attempt[] => {
  const attempts: readonly Attempt[] = [
    { name: `a raw IPv4 socket of ${who}`, call: 'raw', args: { address: elsewhere.v4, protocol: 253 } },
    { name: `a raw IPv6 socket of ${who}`, call: 'raw', args: { address: elsewhere.v6, protocol: 58 } },
    { name: `a frame of ${who}`, call: 'frame' },
    {
      name: `a datagram with the mark of the sidecar's flows of ${who}`,
      call: 'marked_udp',
      args: { address: elsewhere.v4, mark: 0x4348 },
    },
    {
      name: `the uid of the sidecar, taken by ${who},`,
      call: 'as_uid',
      args: { uid: proxyUid, call: 'udp', args: { address: elsewhere.v4, port: 443 } },
    },
    { name: `emptying the rule set by ${who}`, call: 'flush_rules' },
  ]
  return attempts.map((each) => ({ ...each, by, told: 'EPERM', guarded: false }))
}

const inUserNamespace = (call: string, args: object = {}): NonNullable<Attempt['args']> => ({
  inside_uid: 0,
  call,
  args,
})

/** Every capability, but only over what the namespace owns, which is not this network. */
const userNamespaces: readonly Attempt[] = [
  {
    name: 'a raw socket in a user namespace',
    call: 'in_user_namespace',
    args: inUserNamespace('raw', { address: elsewhere.v4, protocol: 253 }),
    told: 'EPERM',
    guarded: false,
  },
  {
    name: 'a frame in a user namespace',
    call: 'in_user_namespace',
    args: inUserNamespace('frame'),
    told: 'EPERM',
    guarded: false,
  },
  {
    name: 'emptying the rule set in a user namespace',
    call: 'in_user_namespace',
    args: inUserNamespace('flush_rules'),
    told: 'EPERM',
    guarded: false,
  },
  {
    name: 'a mark in a user namespace',
    call: 'in_user_namespace',
    args: inUserNamespace('marked_udp', { address: elsewhere.v4, mark: 0x4348 }),
    told: 'EPERM',
    guarded: false,
  },
  {
    name: 'the uid of the sidecar in a user namespace, which is another outside,',
    call: 'in_user_namespace',
    args: { inside_uid: proxyUid, call: 'udp', args: { address: elsewhere.v4, port: 443 } },
  },
]

/** A capability that admission should have refused: a second net for what it does not stop by itself. */
const withRawSockets: readonly Attempt[] = [
  {
    name: 'a raw IPv4 packet with CAP_NET_RAW',
    by: 'rawAgent',
    call: 'raw',
    args: { address: elsewhere.v4, protocol: 253 },
  },
  {
    name: 'a neighbour solicitation with a payload, forged with CAP_NET_RAW,',
    by: 'rawAgent',
    call: 'forged_neighbour_solicitation',
    args: { target: 'fe80::1' },
  },
  {
    name: 'an invalid TCP segment from a declared port with CAP_NET_RAW',
    by: 'rawAgent',
    call: 'invalid_segment',
    args: { address: elsewhere.v4, from_port: 8080 },
  },
  {
    name: 'a datagram with the mark of the sidecar, set with CAP_NET_RAW,',
    by: 'rawAgent',
    call: 'marked_udp',
    args: { address: elsewhere.v4, mark: 0x4348 },
  },
]

const others: readonly Attempt[] = [
  ...tcp
    .slice(0, 2)
    .map((each) => ({ ...each, name: `${each.name} by root without capabilities`, by: 'rootAgent' as const })),
  {
    name: 'UDP by root without capabilities',
    by: 'rootAgent',
    call: 'udp',
    args: { address: elsewhere.v4, port: 443 },
  },
  ...Object.entries(sidecarPorts).flatMap(([what, port]) =>
    both.map((family) => ({
      name: `TCP to the ${what} port of the sidecar at ${family === 'v4' ? '127.0.0.1' : '::1'}`,
      call: 'tcp',
      args: { address: family === 'v4' ? '127.0.0.1' : '::1', port },
      guarded: false,
      ...(what === 'health' ? { told: 'ECONNREFUSED' } : {}),
    })),
  ),
]

/** Every way out of one call. */
export const waysOut: readonly Vector[] = [
  ...tcp,
  ...datagrams,
  ...privileged('agent', 'an ordinary user'),
  ...privileged('rootAgent', 'root without capabilities'),
  ...userNamespaces,
  ...withRawSockets,
  ...others,
].map(attempt)
