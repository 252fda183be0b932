import { isDeepStrictEqual } from 'node:util'
import { metadataAddresses } from '@chaperone/core'
import type { NameAuthority } from '../names/cluster-names.ts'
import { addressBytes, formatAddress } from './address-bytes.ts'
import { cidrContains, parseCidr, type Cidr } from './cidr.ts'

/**
 * What an address is to a proxy. `unreachable` is no unicast host of anyone and never dialled; `forbidden` kinds are dialled
 * only when a rule lists them, `private` ones when a rule lists a range around them or the name is the cluster's own: whoever
 * owns a name elsewhere could point it into this network ("DNS rebinding").
 */
export type AddressClass =
  { readonly kind: 'ordinary' } | { readonly kind: 'private' | 'forbidden' | 'unreachable'; readonly what: string }

type Row = readonly [kind: Exclude<AddressClass['kind'], 'ordinary'>, what: string, ranges: readonly string[]]

/** The first row that contains the address decides. */
const special: readonly Row[] = [
  ['forbidden', 'cloud metadata', metadataAddresses],
  ['forbidden', 'loopback', ['127.0.0.0/8', '::1/128']],
  ['forbidden', 'link-local', ['169.254.0.0/16', 'fe80::/10', 'fec0::/10']],
  ['unreachable', 'unspecified', ['0.0.0.0/8', '::/128']],
  ['unreachable', 'multicast', ['224.0.0.0/4', 'ff00::/8']],
  // Class E holds our synthetic addresses and the broadcast address; 100::/64 their IPv6 twins.
  ['unreachable', 'reserved', ['240.0.0.0/4', '100::/64']],
  // Teredo hides an IPv4 address behind a relay.
  ['unreachable', 'tunnelled', ['2001::/32']],
]

/** RFC 1918; RFC 6598, where some clusters have their pods; RFC 4193. */
const inside: readonly Row[] = [
  ['private', 'private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']],
]

/** What is known of the cluster, and of the name whose address is to be dialled. */
export interface Dialled {
  /** Ranges that the rule lists. */
  readonly cidrs?: readonly string[] | undefined
  readonly authority: NameAuthority
  /** Addresses of the cluster's API server. */
  readonly apiServer: readonly string[]
}

export interface AddressRules {
  /** Undefined when the address may be dialled; otherwise what stands against it. */
  objection(address: string, dialled: Dialled): string | undefined
}

type Classify = (bytes: Uint8Array) => AddressClass

/**
 * `nodeAddresses` are the node's own, `podAddresses` answers with the pod's own: behind both sit things that trust who
 * reaches them.
 */
export function createAddressRules(
  nodeAddresses: readonly string[],
  podAddresses: () => readonly string[],
): AddressRules {
  const [known, last] = [classifier([...special, ['forbidden', 'node', nodeAddresses]]), classifier(inside)]
  return {
    objection(address, { cidrs, authority, apiServer }) {
      const here = classifier([
        ['forbidden', apiServerClass, apiServer],
        ['forbidden', 'pod', podAddresses()],
      ])
      const classify: Classify = (bytes) => known(bytes) ?? here(bytes) ?? last(bytes) ?? ordinary
      const bytes = addressBytes(address)
      const found = classify(bytes)
      if (found.kind === 'unreachable') return `${found.what} addresses are never reachable`
      const listing = cidrs?.flatMap((text) => parseCidr(text) ?? []).filter((cidr) => cidrContains(cidr, bytes))
      if (listing?.length === 0) return 'the address is outside the ranges that the rule lists'
      if (found.kind === 'ordinary' || isVouchedFor(found, authority)) return undefined
      if (isListed(found, listing, classify)) return undefined
      return refusalOf(found, `to.cidrs: ["${formatAddress(bytes)}/${bytes.length * 8}"]`)
    },
  }
}

type Special = Exclude<AddressClass, { readonly kind: 'ordinary' }>

const ordinary: AddressClass = { kind: 'ordinary' }
const apiServerClass = 'API server'

function classifier(rows: readonly Row[]): (bytes: Uint8Array) => Special | undefined {
  const parsed = rows.map(([kind, what, ranges]) => ({
    found: { kind, what } as const,
    cidrs: ranges.flatMap((text) => parseCidr(text) ?? []),
  }))
  return (bytes) => parsed.find(({ cidrs }) => cidrs.some((cidr) => cidrContains(cidr, bytes)))?.found
}

/** Who may write Services decides where their names lead, but not that they lead to what only one name stands for. */
function isVouchedFor(found: Special, authority: NameAuthority): boolean {
  if (found.kind === 'private') return authority !== 'elsewhere'
  return found.what === apiServerClass && authority === 'apiServer'
}

/** A wide range such as 10.0.0.0/8 does not list a node that lies in it: the range itself must start at such an address. */
function isListed(found: Special, listing: readonly Cidr[] = [], classify: Classify): boolean {
  if (found.kind === 'private') return listing.length > 0
  return listing.some(({ base }) => isDeepStrictEqual(classify(base), found))
}

function refusalOf(found: Special, entry: string): string {
  if (found.kind === 'private')
    return `private addresses are for names of the cluster, unless the rule lists a range around them: ${entry}`
  if (found.what === apiServerClass)
    return `the API server is reached as kubernetes.default.svc, unless the rule lists its very address: ${entry}`
  return `${found.what} addresses are forbidden unless a rule lists them: ${entry}`
}
