import { readIfPresent } from '../files/read-if-present.ts'
import { formatAddress } from './address-bytes.ts'

/** `RTF_UP | RTF_GATEWAY` of linux/route.h. */
const upThroughGateway = 0x3

/** Where this network namespace sends what it has no other route for: with most networks of pods, the node. */
export async function readDefaultGateways(): Promise<string[]> {
  const ipv4 = await readIfPresent('/proc/net/route')
  const ipv6 = await readIfPresent('/proc/net/ipv6_route')
  return [...ipv4Gateways(ipv4 ?? ''), ...ipv6Gateways(ipv6 ?? '')]
}

/** /proc/net/route: interface, destination, gateway, flags, three counters, mask …; addresses with the lowest byte first (little-endian machines). */
export function ipv4Gateways(table: string): string[] {
  return rowsOf(table).flatMap(([, destination, gateway = '', flags, , , , mask]) =>
    destination === '00000000' && mask === '00000000' && leadsThroughGateway(flags)
      ? [formatAddress(Buffer.from(gateway, 'hex').reverse())]
      : [],
  )
}

/** /proc/net/ipv6_route: destination, its prefix, source, its prefix, next hop, metric, two counters, flags, interface. */
export function ipv6Gateways(table: string): string[] {
  return rowsOf(table).flatMap(([destination = '', prefix, , , gateway = '', , , , flags]) =>
    /^0{32}$/.test(destination) && prefix === '00' && leadsThroughGateway(flags)
      ? [formatAddress(Buffer.from(gateway, 'hex'))]
      : [],
  )
}

const rowsOf = (table: string): string[][] => table.split('\n').map((line) => line.trim().split(/\s+/))

const leadsThroughGateway = (flags = ''): boolean =>
  (Number.parseInt(flags, 16) & upThroughGateway) === upThroughGateway
