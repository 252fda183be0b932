import { isIPv4, isIPv6 } from 'node:net'

/** A last label that makes careless resolvers read the whole name as an IPv4 address: `10.5`, `0x7f.1`, `2130706433`. */
const numericEnd = /(?:^|\.)(?:\d+|0x[\da-f]*)$/

/**
 * The one spelling of a host by which rules are found: lower case, no trailing dot, IPv6 compressed (RFC 5952), IPv4 for
 * IPv4-mapped IPv6. Undefined when it is empty or only resembles an address.
 */
export function canonicalHost(host: string): string | undefined {
  let name = host.toLowerCase()
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (name.includes(':')) return isIPv6(name) ? canonicalIpv6(name) : undefined
  if (name.split('.').includes('') || (numericEnd.test(name) && !isIPv4(name))) return undefined
  return name
}

export function isAddress(canonical: string): boolean {
  return canonical.includes(':') || isIPv4(canonical)
}

function canonicalIpv6(address: string): string | undefined {
  // Zones name an interface of the sender; they mean nothing here.
  if (address.includes('%')) return undefined
  const compressed = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(compressed)
  if (mapped === null) return compressed
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
