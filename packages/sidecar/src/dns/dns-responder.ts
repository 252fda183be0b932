import type { Clock } from '@chaperone/core'
import { dns, WireError } from '@chaperone/wire'
import { probeQuestionName } from '../verify/probe.ts'
import { answerQuery, type DnsWorld } from './answer-query.ts'
import type { DnsJournal } from './dns-journal.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Far more than programs ask, far less than keeps the sidecar from its work. */
const queries = { perSecond: 500, burst: 1000 } as const

const headerBytes = 12

/** Bytes of one message in, bytes of its answer out; undefined when there is none. */
export type DnsResponder = (message: Uint8Array, transport: 'udp' | 'tcp') => Buffer | undefined

export function createDnsResponder(world: DnsWorld, journal: DnsJournal, clock: Clock): DnsResponder {
  const bucket = createTokenBucket(clock, queries)
  return (message, transport) => {
    // An agent that asks too much must not make verify believe that nobody answers.
    if (!asksForProbe(message) && !bucket.take()) {
      journal.limited(transport)
      return undefined
    }
    try {
      const query = dns.decodeQuery(message)
      const { standing, response } = answerQuery(query, world)
      journal.asked(query.name, query.type, standing)
      return response
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      journal.malformed(transport)
      return isQuery(message) ? dns.encodeFormatError(Buffer.from(message).readUInt16BE(0)) : undefined
    }
  }
}

/** Told by its bytes, which costs less than to read what an agent floods us with. */
function asksForProbe(message: Uint8Array): boolean {
  const end = headerBytes + probeQuestionName.length
  return message.length > end && probeQuestionName.equals(message.subarray(headerBytes, end))
}

/** An answer is never answered: two servers would talk for ever (RFC 1035 §4.1.1, QR). */
function isQuery(message: Uint8Array): boolean {
  return message.length >= 3 && ((message[2] ?? 0) & 0x80) === 0
}
