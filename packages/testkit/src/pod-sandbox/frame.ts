/** What a frame carries, as far as a test asks. */
export interface Frame {
  readonly protocol: 'arp' | 'icmpv4' | 'icmpv6' | 'tcp' | 'udp' | 'other'
  /** `192.0.2.1`, or for IPv6 all eight groups: no short form to trip over. */
  readonly to: string
  readonly from: string
  readonly toPort?: number
  readonly fromPort?: number
  /** Bytes above the transport header; of ICMP, above its four bytes. */
  readonly payload: Buffer
  /** From the network header on. */
  readonly packet: Buffer
  /** For failure messages. */
  readonly text: string
}

const etherTypes = { ipv4: 0x0800, ipv6: 0x86dd, arp: 0x0806 } as const
const protocols: Readonly<Record<number, Frame['protocol']>> = { 1: 'icmpv4', 6: 'tcp', 17: 'udp', 58: 'icmpv6' }
const ethernetBytes = 14
const ipv6Bytes = 40

export function parseFrame(bytes: Buffer): Frame {
  const packet = bytes.subarray(ethernetBytes)
  return { packet, ...parsePacket(bytes, packet) }
}

function parsePacket(bytes: Buffer, rest: Buffer): Omit<Frame, 'packet'> {
  switch (bytes.readUInt16BE(12)) {
    case etherTypes.arp:
      return {
        protocol: 'arp',
        from: quad(rest, 14),
        to: quad(rest, 24),
        payload: rest,
        text: `ARP for ${quad(rest, 24)}`,
      }
    case etherTypes.ipv4: {
      const header = ((rest[0] ?? 0) & 0x0f) * 4
      const packet = rest.subarray(header, rest.readUInt16BE(2))
      return transport(rest[9] ?? 0, { from: quad(rest, 12), to: quad(rest, 16) }, packet)
    }
    case etherTypes.ipv6: {
      const packet = rest.subarray(ipv6Bytes, ipv6Bytes + rest.readUInt16BE(4))
      return transport(rest[6] ?? 0, { from: groups(rest, 8), to: groups(rest, 24) }, packet)
    }
    default:
      return { protocol: 'other', from: '', to: '', payload: rest, text: `ether type ${bytes.toString('hex', 12, 14)}` }
  }
}

function transport(number: number, ends: { from: string; to: string }, packet: Buffer): Omit<Frame, 'packet'> {
  const protocol = protocols[number] ?? 'other'
  const arrow = `${ends.from} → ${ends.to}`
  if (protocol !== 'tcp' && protocol !== 'udp') {
    const text = `${protocol === 'other' ? `protocol ${number}` : protocol} type ${packet[0] ?? 0} ${arrow}`
    return { protocol, ...ends, payload: packet.subarray(4), text }
  }
  const [fromPort, toPort] = [packet.readUInt16BE(0), packet.readUInt16BE(2)]
  const payload = packet.subarray(protocol === 'udp' ? 8 : ((packet[12] ?? 0) >> 4) * 4)
  const flags = protocol === 'tcp' ? ` ${flagsOf(packet[13] ?? 0)}` : ''
  const text = `${protocol}${flags} ${ends.from}:${fromPort} → ${ends.to}:${toPort}, ${payload.length} bytes`
  return { protocol, ...ends, fromPort, toPort, payload, text }
}

const flagsOf = (bits: number): string =>
  ['FIN', 'SYN', 'RST', 'PSH', 'ACK'].filter((_, bit) => (bits & (1 << bit)) !== 0).join('+')
const quad = (bytes: Buffer, at: number): string => [...bytes.subarray(at, at + 4)].join('.')
const groups = (bytes: Buffer, at: number): string =>
  Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(at + group * 2).toString(16)).join(':')

/**
 * Whether a frame is the kernel finding its neighbours (RFC 826, RFC 4861), with nothing in it of anyone's choice: a
 * question or answer of exactly the kernel's length, about one of `neighbours`.
 */
export function isNeighbourDiscovery(frame: Frame, neighbours: readonly string[]): boolean {
  if (frame.protocol === 'arp') return neighbours.includes(frame.to)
  if (frame.protocol !== 'icmpv6') return false
  const [reserved, target, option] = [
    frame.payload.subarray(0, 4),
    frame.payload.subarray(4, 20),
    frame.payload.subarray(20),
  ]
  const isKernels = reserved.length === 4 && target.length === 16 && (option.length === 0 || option.length === 8)
  return isKernels && /^icmpv6 type 13[56] /.test(frame.text) && neighbours.includes(groups(target, 0))
}
