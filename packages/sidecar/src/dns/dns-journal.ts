import type { Clock } from '@chaperone/core'
import { errorText } from '@chaperone/core'
import type { Logger } from 'pino'
import type { PolicyHolder, Recorder } from '../engine/engine.ts'
import type { DnsStanding } from './answer-query.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Names whose first sight is remembered; beyond it the oldest count as new again. */
const maxSeen = 4096
/** A name is recorded again after so long. */
const againMs = 600_000
/** What an agent may cause to be written by asking; the rest is counted in the next record. */
const records = { perSecond: 5, burst: 100 } as const

export interface DnsJournal {
  /** `transport` and `name` of a question that was answered. */
  asked(name: string, type: number, standing: DnsStanding): void
  malformed(transport: 'udp' | 'tcp'): void
  limited(transport: 'udp' | 'tcp'): void
}

/**
 * Records who was looked for: the first sight of a name that rules name, and of every other one. Questions are cheap and
 * hostile, so that records are limited; what was left out is counted.
 */
export function createDnsJournal(ports: {
  readonly recorder: Recorder
  readonly policy: PolicyHolder
  readonly clock: Clock
  readonly log: Logger
}): DnsJournal {
  const { recorder, policy, clock, log } = ports
  const bucket = createTokenBucket(clock, records)
  const seen = new Map<string, number>()
  let suppressed = 0

  const isFresh = (key: string): boolean => {
    const lastMs = seen.get(key)
    if (lastMs !== undefined && clock.now() - lastMs < againMs) return false
    seen.delete(key)
    seen.set(key, clock.now())
    if (seen.size > maxSeen) {
      const [oldest = ''] = seen.keys()
      seen.delete(oldest)
    }
    return true
  }
  const record = (key: string, attributes: Parameters<Recorder['append']>[1]): void => {
    if (policy.current === undefined || !isFresh(key)) return
    if (!bucket.take()) {
      suppressed += 1
      return
    }
    const left = suppressed
    suppressed = 0
    recorder
      .append('dns', { ...attributes, ...(left === 0 ? {} : { 'chaperone.dns.suppressed': left }) })
      .catch((error: unknown) => log.debug({ error: errorText(error) }, 'a DNS question was not recorded'))
  }
  return {
    asked(name, type, standing) {
      if (standing === 'local' || standing === 'nonexistent') return
      if (standing === 'named' && policy.current?.source.audit.level === 'None') return
      record(`${standing} ${name}`, {
        'dns.question.name': name,
        'chaperone.dns.question.type': type,
        'chaperone.decision': standing === 'named' ? 'allow' : 'deny',
      })
    },
    malformed: (transport) =>
      record(`malformed ${transport}`, {
        'network.transport': transport,
        'chaperone.decision': 'deny',
        'chaperone.reason': 'Unparseable',
      }),
    limited: (transport) =>
      record(`limited ${transport}`, {
        'network.transport': transport,
        'chaperone.decision': 'deny',
        'chaperone.reason': 'LimitExceeded',
      }),
  }
}
