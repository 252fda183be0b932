import type { Clock } from '@chaperone/core'
import { createTokenBucket } from '../dns/token-bucket.ts'
import { findSocket, type SocketEntry } from './socket-table.ts'

/** Looks the agent's end of a flow up. Undefined when it is gone, or looked for too often. */
export type SocketOwner = (
  table: 'tcp' | 'udp',
  sender: { readonly address: string | undefined; readonly port: number | undefined },
) => SocketEntry | undefined

/** A table of a busy agent takes a millisecond to read. */
const lookups = { perSecond: 10, burst: 50 } as const

export function createSocketOwner(clock: Clock): SocketOwner {
  const bucket = createTokenBucket(clock, lookups)
  return (table, { address, port }) =>
    address !== undefined && port !== undefined && bucket.take() ? findSocket(table, { address, port }) : undefined
}
