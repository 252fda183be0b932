import { createReadStream, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * Whether anybody listens on 127.0.0.1 or ::1 and this port. Seen in proc(5), which tells of the sockets of the whole pod; to
 * connect would be an attempt that the sidecar records.
 */
export async function listensOnLoopback(port: number): Promise<boolean> {
  // A kernel without IPv6 has no second file.
  for (const path of ['/proc/net/tcp', '/proc/net/tcp6'].filter((each) => existsSync(each))) {
    const file = createReadStream(path)
    try {
      if (await hasListener(createInterface(file), port)) return true
    } finally {
      file.destroy()
    }
  }
  return false
}

/**
 * Reads no further than the listeners, which come first: connections may be very many. Addresses are in the order of the
 * machine, state 0A is LISTEN.
 */
export async function hasListener(lines: Iterable<string> | AsyncIterable<string>, port: number): Promise<boolean> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for await (const line of lines) {
    const [slot, address, , state] = line.trim().split(/\s+/)
    if (slot === 'sl') continue
    if (state !== '0A') return false
    if (address === `0100007F${local}` || address === `00000000000000000000000001000000${local}`) return true
  }
  return false
}
