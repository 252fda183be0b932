// Every way out that we know of, and the tests that try it. docs/containment.md has the same list, in words.

export const groups = ['in the pod', 'on the wire', 'at admission', 'tokens'] as const

export interface Vector {
  readonly group: (typeof groups)[number]
  readonly name: string
  /** A test file, by its path from the root of the repository. */
  readonly file: string
  /** Names of its tests; without, all of them. */
  readonly tests?: RegExp
}

type Row = readonly [name: string, tests?: RegExp]

const of = (group: Vector['group'], file: string, rows: readonly Row[]): Vector[] =>
  rows.map(([name, tests]) => ({ group, name, file, ...(tests === undefined ? {} : { tests }) }))

const contained = 'packages/sidecar/test/containment'
const sidecar = 'packages/sidecar/src'

export const vectors: readonly Vector[] = [
  ...of('in the pod', `${contained}/ways-out.integration.test.ts`, [
    ['TCP to any address and port, IPv4, IPv6 and IPv4-mapped', /sidecar TCP to (?!the \w+ port)/],
    ['multipath TCP', /sidecar multipath TCP over/],
    ['TCP fast open', /sidecar TCP fast open/],
    ['TCP from a declared port', /sidecar TCP from a declared port/],
    ['UDP to any address and port, IPv4, IPv6 and IPv4-mapped', /sidecar UDP to /],
    ['QUIC', /sidecar QUIC/],
    ['UDP-Lite', /sidecar UDP-Lite/],
    ['UDP from a declared port, or bound to the device', /sidecar UDP (from|bound)/],
    ['any other protocol that the kernel has a socket for: SCTP, DCCP and all', /sidecar a socket of any type/],
    ['ICMP and ICMPv6 with a payload', /sidecar an ICMP echo/],
    ['multicast, mDNS, LLMNR, SSDP', /sidecar (multicast|a question of LLMNR|a search)/],
    ['broadcast, NetBIOS', /sidecar (a broadcast|a question of NetBIOS)/],
    ['reports of joining a group (MLD, IGMP)', /sidecar the report of joining/],
    ['raw sockets, AF_PACKET, SO_MARK and foreign uids without a capability', /of (an ordinary user|root)|taken by/],
    ['emptying the rule set', /emptying the rule set by/],
    ['user namespaces', /sidecar .* user namespace/],
    ['raw sockets with CAP_NET_RAW', /sidecar .* with CAP_NET_RAW/],
    ['root without capabilities', /sidecar (TCP|UDP) .*by root without/],
    ["the sidecar's own ports", /sidecar TCP to the \w+ port of the sidecar/],
    [
      'ports and connections that the sidecar leaves behind',
      /sidecar .*(that the sidecar|was reset|forgotten|SYN cookie)/,
    ],
    [
      'inbound as a way out',
      /sidecar (a (multipath )?server of the agent on (an undeclared|the health) port|the answer to)/,
    ],
    ['datagrams that go nowhere, on record and refused at once', /goes nowhere is on record|of many datagrams/],
    ['each of them without the guard, which is seen', /^without the guard/],
    [
      'what must work all the same',
      /sidecar (an allowed host|DNS over|who goes|peers read|the kubelet|.* on loopback|connections of|the pod is told|a router)/,
    ],
  ]),
  ...of('in the pod', `${contained}/sidecar-states.integration.test.ts`, [
    ['the sidecar dead', /^with the sidecar killed (TCP|no way)/],
    ['its ports squatted, the health port among them', /of a dead sidecar/],
    ['the sidecar restarting, or stopped', /while the sidecar (restarts|is stopped)/],
    ['the sidecar out of descriptors', /out of descriptors/],
    ['the sidecar out of memory', /out of memory/],
    ['2,000 connections', /as many connections/],
  ]),
  ...of('in the pod', `${contained}/process.integration.test.ts`, [
    ['ptrace, signals and /proc of the sidecar', /(memory_of|environment_of|descriptors_of|trace|stop) the sidecar/],
    ['files and sockets of the sidecar, abstract ones too', /cannot be (read|spoken to)|abstract socket/],
  ]),
  ...of('in the pod', `${contained}/verify.integration.test.ts`, [
    ['a guard that is taken away, wrong or not there yet, and a self-test that fails'],
  ]),
  ...of('in the pod', `${contained}/mutation.integration.test.ts`, [['each rule of the guard, removed once']]),
  ...of('on the wire', `${sidecar}/http/names.integration.test.ts`, [
    [
      'SNI, Host and :authority that disagree, on each stream of HTTP/2',
      /^over TLS, .* (SNI|Host|port|streams of)|stream by stream/,
    ],
    [
      'no SNI, an address as SNI, other letters, a trailing dot, a port',
      /without SNI|an address as SNI|other letters|trailing dot|no SNI|with the port|NUL|empty SNI/,
    ],
    ['encrypted ClientHello', /encrypted hello/],
    ['a ClientHello in segments or records of one byte', /ClientHello in pieces/],
    ['SSL 2.0 and 3.0, TLS 1.0 and 1.1, DTLS', /old and unknown forms/],
    ['HTTP/2 by prior knowledge', /by prior knowledge/],
    ['addresses in decimal, octal, hexadecimal and short forms, zones', /the Host .* means nothing/],
    ['IPv4 addresses inside IPv6', /however it is spelt/],
    ['URLs to an explicit proxy', /behind an explicit proxy/],
    ['redirects', /leads elsewhere/],
  ]),
  ...of('on the wire', `${sidecar}/http/strictness.integration.test.ts`, [
    [
      'userinfo, absolute form, two Hosts, encoded slashes',
      /^names (userinfo|an absolute|two Hosts|no Host|an encoded|another)/,
    ],
    ['CONNECT, TRACE and an upgrade to HTTP/2', /^names (CONNECT|TRACE|h2c)/],
    ['what Connection names, and handshakes with a body', /what was judged/],
    ['slow clients', /^a slow client/],
  ]),
  ...of('on the wire', `${sidecar}/http/smuggling.integration.test.ts`, [
    [
      'lengths and codings that disagree, in every spelling',
      /(length|coding|CL|TE|chunked|identity).* is refused, and no byte/,
    ],
    [
      'line ends, folds, NUL, versions, HTTP/0.9',
      /^(?!.*(length|coding|CL|TE\.|chunked|identity)).* is refused, and no byte/,
    ],
    ['chunk sizes, extensions and trailers', /body that breaks/],
    ['what is unusual and not wrong', /as one request/],
    ['pipelining past a denial', /second request/],
  ]),
  ...of('on the wire', `${sidecar}/http/http2-smuggling.integration.test.ts`, [
    [
      'HTTP/2 that is something else in HTTP/1.1: line breaks, pseudo-header fields, lengths, frames',
      /is refused|left out|never becomes|as one request/,
    ],
    ['CONNECT and WebSocket over HTTP/2 (RFC 8441)', /^CONNECT/],
  ]),
  ...of('on the wire', `${sidecar}/websocket/hostile.integration.test.ts`, [
    ['a WebSocket, then raw bytes', /what is no frame/],
    ['handshakes that are none', /handshake/],
  ]),
  ...of('on the wire', `${contained}/wire.integration.test.ts`, [
    ['what clients of thirty other protocols say first', /what a client of|database session/],
    ['silence, and protocols whose servers speak first', /waits for the banner/],
    ['what may pass, which is seen', /what may pass is seen/],
  ]),
  ...of('on the wire', `${contained}/names.integration.test.ts`, [
    [
      'names that lead to metadata, link-local, loopback, the node, the pod',
      /names (?!.*API server)(?!.*(RFC|another)).* as the address of an allowed host/,
    ],
    ['names that lead to the API server', /the API server.* (as the address|moves there)/],
    ['the forbidden one of many addresses', /the forbidden one of two/],
    ['names that are other names for those of the cluster', /is another name for it/],
    ['names that may lead there all the same', /^names (a private address|the API server) .*is reached/],
    ['names that lead to another pod or another private address', /(another pod|RFC).* (as the address|moves there)/],
    ['the port of the kubelet', /port of the kubelet/],
    ['names that are moved later, over every protocol', /moves there/],
    ['names of Services that lead to what is forbidden', /below default\.svc/],
    [
      'DNS tunnels: long labels, many labels, many names',
      /long labels|many labels|many names|any bytes|none of which gets out/,
    ],
    ['DNS record types, classes and opcodes', /of type|of class|query|notification|update|opcode/],
    ['EDNS options', /client subnet|cookie|padding|private use/],
    ['broken DNS messages, over UDP and TCP', /in DNS over (UDP|TCP)/],
    ['DNS over TCP, to another server, below a suffix', /names a question (over TCP|to another|below the)/],
    ['DNS over TLS, HTTPS and QUIC to public resolvers', /DNS over (TLS|HTTPS|QUIC) to/],
    ['attempts are on record', /found in the audit log/],
  ]),
  ...of('on the wire', `${sidecar}/upstream/address-class.test.ts`, [['addresses by class, however embedded']]),
  ...of('on the wire', `${sidecar}/upstream/upstream.integration.test.ts`, [['our own resolution, and no other']]),
  ...of('on the wire', `${sidecar}/postgres/hostile.integration.test.ts`, [
    ['a hostile client or server of PostgreSQL'],
  ]),
  ...of('at admission', 'charts/tests/admission-policies.integration.test.ts', [
    ['pods that are not what the injector made', /^a pod (?!that the)|^a bare pod/],
    [
      'templates of workloads that would not be contained',
      /^an? (Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|ReplicationController)/,
    ],
    [
      'changes of a running pod, exec, debug containers',
      /^(?!an? (pod|bare|Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|CronJob|ReplicationController)\b)(?!the webhook|without).* is refused, naming/,
    ],
    ['what must be accepted all the same', /is accepted$/],
    ['the same refused by the webhook', /^the webhook refuses/],
    ['each rule, removed once', /^without one of its rules/],
  ]),
  ...of('at admission', 'charts/tests/decision-policies.integration.test.ts', [
    ['decisions and status written by others', /is refused$/],
  ]),
  ...of('at admission', 'packages/operator/src/inject/refusals/refusals.test.ts', [
    ['pods that cannot be contained, by field'],
  ]),
  ...of('at admission', 'packages/operator/src/admission/other-injectors.integration.test.ts', [
    ['what other injectors add, before us and after us'],
  ]),
  ...of('at admission', 'packages/operator/src/wrong-order.integration.test.ts', [
    ['sessions, approvals, accounts, labels and definitions that go and come in the wrong order'],
  ]),
  ...of('tokens', 'charts/tests/admission-policies.integration.test.ts', [
    ['a token in a volume of the agent, for any audience', /a token (of its own|for)/],
    [
      'credentials of the sidecar as a volume or a variable of the agent',
      /the credential of the sidecar|keys of the sidecar/,
    ],
  ]),
  ...of('tokens', 'packages/operator/src/inject/inject.test.ts', [
    ['the token of the service account, which agents do not get', /token/],
    ['what only the sidecar mounts', /only the sidecar mounts/],
  ]),
  ...of('tokens', 'packages/operator/src/control/caller.test.ts', [
    ['a token of another audience, pod or namespace at the operator'],
  ]),
  ...of('tokens', 'packages/operator/src/operator.integration.test.ts', [
    ['the same on a real API server', /token for another audience/],
    ["another pod's approvals", /another pod|somebody else put/],
  ]),
  ...of('tokens', `${sidecar}/http/credential.integration.test.ts`, [['credentials that an upstream echoes']]),
  ...of('tokens', `${contained}/process.integration.test.ts`, [['the keys of the sidecar', /\.key of the sidecar/]]),
]
