import { isIP } from 'node:net'
import { addressBytes } from './address-bytes.ts'

export interface Cidr {
  /** The first address of the range. */
  readonly base: Uint8Array
  readonly prefix: number
}

/** `10.0.0.0/8`, `fd00::/8`, or a single address; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', digits] = text.split('/')
  if (isIP(address) === 0) return undefined
  const base = addressBytes(address)
  // A range of IPv4 addresses written inside an IPv6 prefix counts from the end.
  const wrapped = isIP(address) === 6 && base.length === 4
  const full = base.length * 8
  const prefix = digits === undefined ? full : Number(digits) - (wrapped ? 96 : 0)
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > full) return undefined
  return { base: base.map((byte, at) => byte & maskAt(at, prefix)), prefix }
}

export function cidrContains({ base, prefix }: Cidr, address: Uint8Array): boolean {
  if (base.length !== address.length) return false
  return base.every((byte, at) => byte === ((address[at] ?? 0) & maskAt(at, prefix)))
}

/** The bits of the byte at `at` that belong to the prefix. */
function maskAt(at: number, prefix: number): number {
  const bits = Math.min(Math.max(prefix - at * 8, 0), 8)
  return (0xff00 >> bits) & 0xff
}
