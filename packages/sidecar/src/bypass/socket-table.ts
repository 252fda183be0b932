import { closeSync, openSync, readSync } from 'node:fs'
import type { Destination } from '../listen/original-destination.ts'
import { formatAddress } from '../upstream/address-bytes.ts'

/** One socket of the pod, as proc(5) tells anybody in its network: whoever has it, in whatever container. */
export interface SocketEntry {
  readonly local: Destination
  /** Undefined while it is connected to nobody. */
  readonly remote?: Destination
  readonly uid: number
  readonly inode: string
}

/** Files below /proc/net with the columns of /proc/net/udp; each is one more for IPv6. */
export type SocketTable = 'tcp' | 'udp' | 'udplite' | 'icmp' | 'raw'

/** Some 1700 sockets. Who opens more hides the others from records, and gains nothing else. */
const maxTableBytes = 256 * 1024

/** Every socket of this kind, IPv4 before IPv6. */
export function readSockets(table: SocketTable): SocketEntry[] {
  return [table, `${table}6`].flatMap((name) => parseSockets(readBounded(`/proc/net/${name}`)))
}

/** The socket that sends from this address and port; undefined when it is gone. */
export function findSocket(table: SocketTable, sender: Destination): SocketEntry | undefined {
  return senderIn([table, `${table}6`].map((name) => readBounded(`/proc/net/${name}`)).join('\n'), sender)
}

/** Only lines with the port are parsed: there may be thousands of others; headings parse as no socket. */
export function senderIn(text: string, { address, port }: Destination): SocketEntry | undefined {
  const written = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  const candidates = text
    .split('\n')
    .filter((line) => line.includes(written))
    .flatMap(parseSocket)
    .filter(({ local }) => local.port === port)
  return (
    candidates.find(({ local }) => local.address === plain(address)) ??
    candidates.find(({ local }) => local.address === '0.0.0.0' || local.address === '::')
  )
}

/** Uid and inode of packet sockets (packet(7)), whose table has columns of its own. */
export function readPacketSockets(): Pick<SocketEntry, 'uid' | 'inode'>[] {
  const [, ...lines] = readBounded('/proc/net/packet').split('\n')
  return lines.flatMap((line) => {
    const [uid, inode] = columnsOf(line).slice(-2)
    return uid === undefined || inode === undefined ? [] : [{ uid: Number(uid), inode }]
  })
}

export const parseSockets = (text: string): SocketEntry[] => text.split('\n').flatMap(parseSocket)

/**
 * Nothing for headings, for lines cut short, as the last one of a table that was too long, and where the kernel no longer knows
 * whose it was, as of TCP in TIME_WAIT: inode and uid are 0. Of what was closed and lingers it may know the uid alone.
 */
function parseSocket(line: string): SocketEntry[] {
  const [, localText = '', remoteText = '', , , , , uid, , inode] = columnsOf(line)
  const [local, remote] = [parseEndpoint(localText), parseEndpoint(remoteText)]
  if (local === undefined || remote === undefined || inode === undefined || (inode === '0' && uid === '0')) return []
  const isConnected = remote.address !== '0.0.0.0' && remote.address !== '::'
  return [{ local, ...(isConnected ? { remote } : {}), uid: Number(uid), inode }]
}

const columnsOf = (line: string): string[] => line.trim().split(/\s+/)

/** `0100007F:0035`: words of 32 bits in the order of the machine, which is little-endian wherever we run; then the port. */
function parseEndpoint(text: string): Destination | undefined {
  const [, words = '', port = ''] = /^((?:[0-9A-F]{8}){1,4}):([0-9A-F]{4})$/.exec(text) ?? []
  if (words.length !== 8 && words.length !== 32) return undefined
  const bytes = Buffer.from(words, 'hex').swap32()
  return { address: plain(formatAddress(bytes)), port: Number.parseInt(port, 16) }
}

/** A socket for both families shows IPv4 addresses wrapped (RFC 4291 §2.5.5.2). */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** Empty where the kernel has no such table. */
function readBounded(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return ''
  }
  try {
    const bytes = Buffer.alloc(maxTableBytes)
    let length = 0
    for (;;) {
      // The kernel gives a page at a time.
      const more = readSync(file, bytes, length, bytes.length - length, null)
      if (more === 0) return bytes.toString('latin1', 0, length)
      length += more
    }
  } finally {
    closeSync(file)
  }
}
