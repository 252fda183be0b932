import type { Clock, Random } from '@chaperone/core'
import type { Logger } from 'pino'
import { createApprovalBook } from '../approvals/approval-book.ts'
import { createApprovalGate, type ApprovalGate } from '../approvals/approval-gate.ts'
import { createApprovalJournal, type ApprovalJournal } from '../approvals/approval-journal.ts'
import type { ApprovalDirector } from '../approvals/held-action.ts'
import type { RefusedCertificates } from '../tls/refused-certificates.ts'
import type { AuditTrail } from './audit-trail.ts'
import { createAuthorize } from './authorize.ts'
import { createCounters, type Counters } from './counters.ts'
import type { CredentialStore, Engine, UpstreamDialer } from './engine.ts'
import { createMaskCache } from './mask-cache.ts'
import type { DirectedPolicyHolder } from './policy-holder.ts'
import { createRecorder } from './recorder.ts'

export interface EnginePorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly policy: DirectedPolicyHolder
  readonly trail: AuditTrail
  readonly director: ApprovalDirector
  readonly upstream: UpstreamDialer
  readonly credentials: CredentialStore
  readonly refusedCertificates: RefusedCertificates
  /** 32 random bytes of this pod, for tokens and hashes of masked values. */
  readonly maskKey: Uint8Array
}

/** Puts the parts together behind the one interface that drivers see. */
export function createEngine(ports: EnginePorts): { engine: Engine; gate: ApprovalGate; counters: Counters } {
  const { clock, random, log, policy, trail, director, upstream, credentials, refusedCertificates } = ports
  const counters = createCounters()
  const recorder = createRecorder({ trail, policy, counters, clock, log })
  const masks = createMaskCache(policy, ports.maskKey)
  const journal = createApprovalJournal(recorder, clock, log)
  const approvals = createApprovalBook(clock)
  const learned: ApprovalJournal['learned'] = (state, ask) => {
    approvals.learned(state)
    journal.learned(state, ask)
  }
  const gate = createApprovalGate({ director, journal: { learned }, clock, log })
  const authorize = createAuthorize({ policy, masks, gate, recorder, counters, clock, log })
  const mask = (profiles: readonly string[]) => masks.get(profiles)
  const shared = { clock, random, log, policy, recorder, upstream, credentials, refusedCertificates, approvals }
  return { engine: { ...shared, mask, authorize }, gate, counters }
}
