import { AuditLogFullError, type AuditDraft, type AuditLog } from '@chaperone/audit'
import { CodedError, errorText, type Clock } from '@chaperone/core'
import type { Logger } from 'pino'
import type { AuditTrail } from './audit-trail.ts'
import type { Counters } from './counters.ts'
import type { PolicyHolder, Recorder } from './engine.ts'

/** Nothing can be recorded, and the policy says that then nothing passes. */
export class AuditUnavailableError extends CodedError<'ERR_AUDIT_UNAVAILABLE'> {}

/** How long a full log slows the agent before it refuses it: the collector may be about to take some. */
const fullWaitMs = 2000
const fullPollMs = 100

/** What was not kept so far. */
interface Gap {
  readonly since: string
  readonly records: number
}

/**
 * Appends to the trail. While nothing can be stored, `onUnavailable: Block` rejects, and `Continue` goes on and later
 * records the exact gap. Resolves with the sequence number, 0 for what fell into a gap.
 */
export function createRecorder(ports: {
  readonly trail: AuditTrail
  readonly policy: PolicyHolder
  readonly counters: Counters
  readonly clock: Clock
  readonly log: Logger
}): Recorder {
  const { trail, policy, counters, clock, log } = ports
  let gap: Gap | undefined

  const appendWaiting = async (to: AuditLog, draft: AuditDraft, commit: boolean): Promise<number> => {
    const untilMs = clock.elapsedMs() + (mayGoOn() ? 0 : fullWaitMs)
    for (;;) {
      try {
        return (await to.append(draft, { commit })).seq
      } catch (error) {
        if (!(error instanceof AuditLogFullError) || clock.elapsedMs() >= untilMs) throw error
        await clock.sleep(fullPollMs)
      }
    }
  }
  const mayGoOn = (): boolean => policy.current?.source.audit.onUnavailable === 'Continue'
  const closeGap = async (to: AuditLog, { since, records }: Gap): Promise<void> => {
    const attributes = {
      'chaperone.gap.since': since,
      'chaperone.gap.until': new Date(clock.now()).toISOString(),
      'chaperone.gap.records': records,
    }
    gap = undefined
    try {
      await to.append({ kind: 'audit.gap', attributes })
    } catch (error) {
      gap = { since, records }
      throw error
    }
  }

  return {
    async append(kind, attributes, options = {}) {
      count(counters, kind, attributes)
      const draft = { kind, attributes, ...(options.body === undefined ? {} : { body: options.body }) }
      try {
        if (trail.log === undefined)
          throw new AuditUnavailableError('ERR_AUDIT_UNAVAILABLE', 'the audit log is not open')
        if (gap !== undefined) await closeGap(trail.log, gap)
        return await appendWaiting(trail.log, draft, options.commit === true)
      } catch (error) {
        if (!mayGoOn()) throw unavailable(error)
        if (gap === undefined)
          log.error({ error: errorText(error) }, 'the audit log takes nothing more; going on without')
        gap = { since: gap?.since ?? new Date(clock.now()).toISOString(), records: (gap?.records ?? 0) + 1 }
        return 0
      }
    },
  }
}

function unavailable(error: unknown): AuditUnavailableError {
  if (error instanceof AuditUnavailableError) return error
  return new AuditUnavailableError('ERR_AUDIT_UNAVAILABLE', 'the audit log takes nothing more', { cause: error })
}

/** Drivers refuse connections and mask by themselves; their records are where that can be counted. */
function count(counters: Counters, ...[kind, attributes]: Parameters<Recorder['append']>): void {
  if (kind === 'connection.blocked' && attributes['chaperone.decision'] === 'deny') counters.judged('deny')
  const masked = attributes['chaperone.mask.count']
  // The messages of a WebSocket are counted when it closes: not every level records each of them.
  if (typeof masked === 'number' && kind !== 'message') counters.masked(masked)
}
