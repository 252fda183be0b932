/** Resource record types that we speak of (IANA DNS parameters). */
export const recordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
} as const

export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const
export type ResponseCode = (typeof responseCode)[keyof typeof responseCode]

/** RFC 1035 §2.3.4. */
export const maxNameBytes = 255
export const maxLabelBytes = 63
/** RFC 1035 §4.2.1, without EDNS. */
export const maxUdpBytes = 512

/** One question, as an agent asks it. */
export interface DnsQuery {
  readonly id: number
  readonly recursionDesired: boolean
  /** Lower case, no trailing dot; the root is the empty string. */
  readonly name: string
  readonly type: number
  readonly class: number
  /** The question section as sent, echoed byte for byte: resolvers randomise its case (draft-vixie-dnsext-dns0x20). */
  readonly question: Buffer
  readonly edns: boolean
}
