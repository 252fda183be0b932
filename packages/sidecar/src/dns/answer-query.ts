import { dns, isHostName } from '@chaperone/wire'
import { isBelowSearch, searchCandidates } from '../names/search-candidates.ts'
import type { SyntheticPool } from '../names/synthetic-pool.ts'
import { addressBytes } from '../upstream/address-bytes.ts'
import { probeName } from '../verify/probe.ts'

/** How a question was met; what is recorded of it depends on it. */
export type DnsStanding =
  /** A rule names the host. */
  | 'named'
  /** No rule does; the agent gets an address all the same, behind which it is told why nothing passes. */
  | 'unnamed'
  /** Another suffix may be tried, or a name of an address is sought: not worth a record. */
  | 'nonexistent'
  /** Ours or the machine's own: not worth a record. */
  | 'local'

export interface DnsAnswer {
  readonly standing: DnsStanding
  readonly response: Buffer
}

export interface DnsWorld {
  readonly pool: SyntheticPool
  readonly search: readonly string[]
  /** Whether a rule other than Deny names the host, on any port. */
  readonly isNamed: (host: string) => boolean
  /** The pod has no IPv4: agents are given IPv6 addresses. */
  readonly ipv6Only: boolean
}

/** Addresses stand for names as long as they are remembered; a short life keeps the names in use remembered. */
const ttlSeconds = 30
const internetClass = 1

/** Answers from what is known here. Nothing of the question goes anywhere else, so that no question can carry data out. */
export function answerQuery(query: dns.DnsQuery, world: DnsWorld): DnsAnswer {
  const { name, type } = query
  if (query.class !== internetClass)
    return { standing: 'unnamed', response: dns.encodeFailure(query, dns.responseCode.refused) }
  if (name === 'localhost' || name.endsWith('.localhost')) return { standing: 'local', response: loopback(query) }
  if (name === probeName) return { standing: 'local', response: synthetic(query, world, { name, aliases: [] }) }
  const candidates = searchCandidates(name, world.search)
  const named = candidates.find((candidate) => isHostName(candidate) && world.isNamed(candidate))
  if (named !== undefined) {
    const aliases = candidates.filter((candidate) => candidate !== named)
    return { standing: 'named', response: synthetic(query, world, { name: named, aliases }) }
  }
  if (isBelowSearch(name, world.search) || !isHostName(name)) {
    const standing = isHostName(name) ? 'nonexistent' : 'unnamed'
    return { standing, response: dns.encodeFailure(query, dns.responseCode.nameError) }
  }
  // Reverse look-ups are no attempt to go anywhere; any other type may be the question of a tunnel.
  const standing = type === dns.recordType.PTR ? 'nonexistent' : 'unnamed'
  return { standing, response: synthetic(query, world, { name, aliases: [] }) }
}

/** One family has the address; the other, HTTPS and SVCB (which would offer ECH and HTTP/3) and all others have nothing. */
function synthetic(
  query: dns.DnsQuery,
  { pool, ipv6Only }: DnsWorld,
  value: { readonly name: string; readonly aliases: readonly string[] },
): Buffer {
  const wanted = ipv6Only ? dns.recordType.AAAA : dns.recordType.A
  if (query.type !== wanted) return dns.encodeAddresses(query, [], ttlSeconds)
  const { v4, v6 } = pool.addressOf(value)
  return dns.encodeAddresses(query, [addressBytes(ipv6Only ? v6 : v4)], ttlSeconds)
}

/** RFC 6761 §6.3. */
function loopback(query: dns.DnsQuery): Buffer {
  const address = query.type === dns.recordType.A ? '127.0.0.1' : query.type === dns.recordType.AAAA ? '::1' : undefined
  return dns.encodeAddresses(query, address === undefined ? [] : [addressBytes(address)], ttlSeconds)
}
