import { addressBytes } from './address-bytes.ts'
import { cidrContains, parseCidr, type Cidr } from './cidr.ts'

/**
 * What an address is to a proxy. `unreachable` is no unicast host of anyone and never dialled; `forbidden` kinds are
 * dialled only when a rule lists them.
 */
export type AddressClass =
  | { readonly kind: 'ordinary' }
  | { readonly kind: 'forbidden'; readonly what: string }
  | { readonly kind: 'unreachable'; readonly what: string }

type Row = readonly [kind: 'forbidden' | 'unreachable', what: string, ranges: readonly string[]]

/** The first row that contains the address decides. */
const table: readonly Row[] = [
  [
    'forbidden',
    'cloud metadata',
    [
      // AWS, Azure, GCP and most others, IPv4; AWS, GCP and Scaleway, IPv6
      '169.254.169.254/32',
      'fd00:ec2::254/128',
      'fd20:ce::254/128',
      'fd00:42::42/128',
      // AWS container credentials and DNS
      '169.254.170.2/32',
      '169.254.170.23/32',
      'fd00:ec2::23/128',
      // Azure wire server, Alibaba, Oracle
      '168.63.129.16/32',
      '100.100.100.200/32',
      '192.0.0.192/32',
    ],
  ],
  ['forbidden', 'loopback', ['127.0.0.0/8', '::1/128']],
  ['forbidden', 'link-local', ['169.254.0.0/16', 'fe80::/10', 'fec0::/10']],
  ['unreachable', 'unspecified', ['0.0.0.0/8', '::/128']],
  ['unreachable', 'multicast', ['224.0.0.0/4', 'ff00::/8']],
  // Class E holds our synthetic addresses and the broadcast address; 100::/64 their IPv6 twins.
  ['unreachable', 'reserved', ['240.0.0.0/4', '100::/64']],
  // Teredo hides an IPv4 address behind a relay.
  ['unreachable', 'tunnelled', ['2001::/32']],
]

const rows = table.map(([kind, what, ranges]) => ({
  kind,
  what,
  cidrs: ranges.flatMap((text) => parseCidr(text) ?? []),
}))

export interface AddressRules {
  /** Undefined when the address may be dialled; otherwise what stands against it. */
  objection(address: string, cidrs?: readonly string[]): string | undefined
}

/**
 * `nodeAddresses` are the node's own, `podAddresses` answers with the pod's own: behind both sit things that trust who
 * reaches them.
 */
export function createAddressRules(
  nodeAddresses: readonly string[],
  podAddresses: () => readonly string[],
): AddressRules {
  const nodes = nodeAddresses.flatMap((address) => parseCidr(address) ?? [])
  const classify = (bytes: Uint8Array): AddressClass => {
    const row = rows.find(({ cidrs }) => cidrs.some((cidr) => cidrContains(cidr, bytes)))
    if (row !== undefined) return { kind: row.kind, what: row.what }
    if (nodes.some((node) => cidrContains(node, bytes))) return { kind: 'forbidden', what: 'node' }
    const own = podAddresses().flatMap((address) => parseCidr(address) ?? [])
    return own.some((cidr) => cidrContains(cidr, bytes)) ? { kind: 'forbidden', what: 'pod' } : { kind: 'ordinary' }
  }
  return {
    objection(address, cidrs) {
      const bytes = addressBytes(address)
      const { kind, ...rest } = classify(bytes)
      const what = 'what' in rest ? rest.what : ''
      if (kind === 'unreachable') return `${what} addresses are never reachable`
      const listing = cidrs?.flatMap((text) => parseCidr(text) ?? []).filter((cidr) => cidrContains(cidr, bytes))
      if (listing?.length === 0) return 'the address is outside the ranges that the rule lists'
      if (kind === 'forbidden' && !isMeant(listing, classify))
        return `${what} addresses are forbidden unless a rule lists them`
      return undefined
    },
  }
}

/** A wide range such as 10.0.0.0/8 does not list a node that lies in it: the range itself must start at such an address. */
function isMeant(listing: readonly Cidr[] | undefined, classify: (bytes: Uint8Array) => AddressClass): boolean {
  return listing?.some((cidr) => classify(cidr.base).kind === 'forbidden') === true
}
