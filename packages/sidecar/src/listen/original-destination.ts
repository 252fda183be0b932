import koffi from 'koffi'
import type { Socket } from 'node:net'
import { formatAddress } from '../upstream/address-bytes.ts'

/** Where the agent wanted to go, before the guard's redirect. */
export interface Destination {
  readonly address: string
  readonly port: number
}

/** Undefined for a connection that was not redirected, or whose entry is gone. */
export type OriginalDestination = (socket: Socket) => Destination | undefined

/** linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h. */
const levels = { IPv4: 0, IPv6: 41 } as const
const originalDestinationOption = 80
/** `struct sockaddr_in` and `struct sockaddr_in6` (linux/in.h, linux/in6.h). */
const addressAt = { IPv4: { from: 4, to: 8 }, IPv6: { from: 8, to: 24 } } as const
const socketAddressBytes = 28

// eslint-disable-next-line max-params -- the signature is of C
type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: [number]) => number

/**
 * Asks connection tracking through getsockopt(SO_ORIGINAL_DST): the only way that needs no privilege. Symbols come from
 * the process itself, so that glibc and musl are the same to us.
 */
export function createOriginalDestination(): OriginalDestination {
  const getsockopt = koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int option, _Out_ void *value, _Inout_ uint32_t *length)') as GetSockOpt
  return (socket) => {
    const fd = (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd
    const family = socket.remoteFamily
    if (fd === undefined || fd < 0 || (family !== 'IPv4' && family !== 'IPv6')) return undefined
    const value = Buffer.alloc(socketAddressBytes)
    if (getsockopt(fd, levels[family], originalDestinationOption, value, [value.length]) !== 0) return undefined
    const { from, to } = addressAt[family]
    return { address: formatAddress(value.subarray(from, to)), port: value.readUInt16BE(2) }
  }
}
