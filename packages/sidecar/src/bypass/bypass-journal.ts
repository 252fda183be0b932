import { errorText } from '@chaperone/core'
import { createTokenBucket, type TokenBucket } from '../dns/token-bucket.ts'
import type { Engine } from '../engine/engine.ts'
import type { Destination } from '../listen/original-destination.ts'
import type { SyntheticPool } from '../names/synthetic-pool.ts'

/** What was tried; a closed set, for records and metrics. */
export const bypassVectors = ['listener', 'dns', 'quic', 'udp', 'udplite', 'icmp', 'raw', 'packet'] as const
export type BypassVector = (typeof bypassVectors)[number]

export interface BypassAttempt {
  readonly vector: BypassVector
  /** Where it was to go, as far as that is known. */
  readonly destination?: Destination | undefined
  /** Whose it was: containers see no processes of each other, but the uid of every socket. */
  readonly uid?: number | undefined
}

/** Records that somebody tried to get around the sidecar, and was stopped. */
export interface BypassJournal {
  attempted(attempt: BypassAttempt): void
  /** What was seen, recorded or not. */
  readonly counts: Readonly<Record<BypassVector, number>>
}

/** Of each vector, so that a flood of one hides no other. */
const records = { perSecond: 0.5, burst: 10 } as const

/** OpenTelemetry's `network.transport`; its values are lower-case names. */
const transports: Readonly<Partial<Record<BypassVector, string>>> = {
  listener: 'tcp',
  quic: 'udp',
  udp: 'udp',
  udplite: 'udplite',
  icmp: 'icmp',
}
const messages: Readonly<Record<BypassVector, string>> = {
  listener: 'a connection was made to the listener of the sidecar itself',
  dns: 'another name server was asked; the sidecar answered',
  quic: 'a datagram was sent to the port of QUIC',
  udp: 'a datagram was sent',
  udplite: 'a UDP-Lite socket was opened',
  icmp: 'an ICMP socket was opened',
  raw: 'a raw socket was opened',
  packet: 'a packet socket was opened',
}

export function createBypassJournal(
  { recorder, clock, log }: Pick<Engine, 'recorder' | 'clock' | 'log'>,
  /** Whose attempts are no news: our own, and verify's. */
  options: { readonly pool: Pick<SyntheticPool, 'nameAt'>; readonly ownUids: readonly number[] },
): BypassJournal {
  const { pool, ownUids } = options
  const counts = Object.fromEntries(bypassVectors.map((vector) => [vector, 0])) as Record<BypassVector, number>
  const state = new Map<BypassVector, { readonly bucket: TokenBucket; suppressed: number }>()
  const stateOf = (vector: BypassVector) => {
    const known = state.get(vector) ?? { bucket: createTokenBucket(clock, records), suppressed: 0 }
    state.set(vector, known)
    return known
  }
  return {
    counts,
    attempted({ vector, destination, uid }) {
      if (uid !== undefined && ownUids.includes(uid)) return
      counts[vector] += 1
      const own = stateOf(vector)
      if (!own.bucket.take()) return void (own.suppressed += 1)
      const attributes = {
        'chaperone.bypass.vector': vector,
        'network.transport': transports[vector],
        ...(vector === 'quic' ? { 'network.protocol.name': 'quic' } : {}),
        'server.address': destination && (pool.nameAt(destination.address)?.name ?? destination.address),
        'server.port': destination?.port,
        'process.user.id': uid,
        'chaperone.decision': 'deny',
        'chaperone.message': messages[vector],
        ...(own.suppressed === 0 ? {} : { 'chaperone.bypass.suppressed': own.suppressed }),
      }
      own.suppressed = 0
      recorder
        .append('bypass.attempt', attributes)
        .catch((error: unknown) => log.warn({ error: errorText(error) }, 'an attempt to go around was not recorded'))
    },
  }
}
