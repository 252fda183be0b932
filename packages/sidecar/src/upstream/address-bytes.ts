import { isIP, SocketAddress } from 'node:net'

/** An address as 4 or 16 bytes. IPv6 addresses that only wrap an IPv4 address are unwrapped: the packet goes there. */
export function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number))
  const bytes = ipv6Bytes(address)
  return embeddedIpv4(bytes) ?? bytes
}

/** Text form as the kernel and Node write it: IPv6 shortened (RFC 5952), IPv4 as a dotted quad. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[at * 2] ?? 0) * 256 + (bytes[at * 2 + 1] ?? 0)).toString(16),
  )
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

/** 127.0.0.0/8 and ::1. */
export function isLoopback(address: string): boolean {
  const bytes = addressBytes(address)
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, at) => byte === (at === 15 ? 1 : 0))
}

function ipv6Bytes(address: string): Uint8Array {
  const [plain = ''] = address.split('%', 1)
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const hexadecimal =
    dotted === null
      ? plain
      : `${dotted[1] ?? ''}${word(Number(dotted[2]), Number(dotted[3]))}:${word(Number(dotted[4]), Number(dotted[5]))}`
  const [head = '', tail] = hexadecimal.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Uint8Array.from(
    groups.flatMap((group) => {
      const value = Number.parseInt(group, 16)
      return [value >> 8, value & 0xff]
    }),
  )
}

const word = (high: number, low: number): string => (high * 256 + low).toString(16)

/** Prefixes behind which an IPv4 address stands, and the byte where it starts. */
const wrappings: readonly (readonly [hexPrefix: string, at: number])[] = [
  // IPv4-mapped (RFC 4291 §2.5.5.2)
  ['00000000000000000000ffff', 12],
  // Well-known NAT64 prefix (RFC 6052 §2.1)
  ['0064ff9b0000000000000000', 12],
  // 6to4 (RFC 3056)
  ['2002', 2],
]
/** Local-use NAT64 (RFC 8215), a /48: the address stands around the byte that must be zero (RFC 6052 §2.2). */
const localNat64 = '0064ff9b0001'
/** IPv4-compatible (RFC 4291 §2.5.5.1), but not `::` and `::1`. */
const compatible = '000000000000000000000000'

function embeddedIpv4(bytes: Uint8Array): Uint8Array | undefined {
  const hex = Buffer.from(bytes).toString('hex')
  for (const [prefix, at] of wrappings) if (hex.startsWith(prefix)) return bytes.slice(at, at + 4)
  if (hex.startsWith(localNat64)) return Uint8Array.from([6, 7, 9, 10].map((at) => bytes[at] ?? 0))
  if (hex.startsWith(compatible) && !hex.startsWith(`${compatible}000000`)) return bytes.slice(12)
  return undefined
}
