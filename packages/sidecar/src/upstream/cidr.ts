import { isIP } from 'node:net'
import { addressBytes } from './address-bytes.ts'

export interface Cidr {
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
  return Number.isInteger(prefix) && prefix >= 0 && prefix <= full ? { base, prefix } : undefined
}

export function cidrContains({ base, prefix }: Cidr, address: Uint8Array): boolean {
  if (base.length !== address.length) return false
  for (let bit = 0; bit < prefix; bit += 8) {
    const mask = prefix - bit >= 8 ? 0xff : (0xff00 >> (prefix - bit)) & 0xff
    const at = bit / 8
    if (((base[at] ?? 0) & mask) !== ((address[at] ?? 0) & mask)) return false
  }
  return true
}
