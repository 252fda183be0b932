import type { Clock } from '@chaperone/core'
import type { BypassJournal, BypassVector } from './bypass-journal.ts'
import { readPacketSockets, readSockets, type SocketEntry } from './socket-table.ts'

/**
 * The guard drops what these sockets send, and nobody without a capability can see that it does. But for a socket that was
 * opened to send it there is no other use. One that lives shorter than this may be missed.
 */
const lookIntervalMs = 500

type Seen = Pick<SocketEntry, 'uid' | 'inode' | 'remote'>

const tables: Readonly<Partial<Record<BypassVector, () => readonly Seen[]>>> = {
  udplite: () => readSockets('udplite'),
  icmp: () => readSockets('icmp'),
  raw: () => readSockets('raw'),
  packet: readPacketSockets,
}

/** Reports each such socket of the pod once, until `signal` aborts. */
export async function watchSockets(journal: BypassJournal, clock: Clock, signal: AbortSignal): Promise<void> {
  const known = new Map<string, ReadonlySet<string>>()
  while (!signal.aborted) {
    for (const [vector, read] of Object.entries(tables) as [BypassVector, () => readonly Seen[]][]) {
      const sockets = read()
      for (const { inode, uid, remote } of sockets)
        if (known.get(vector)?.has(inode) !== true) journal.attempted({ vector, uid, destination: remote })
      known.set(vector, new Set(sockets.map(({ inode }) => inode)))
    }
    await clock.sleep(lookIntervalMs, signal).catch(() => undefined)
  }
}
