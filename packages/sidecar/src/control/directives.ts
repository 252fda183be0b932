import type { ControlEvent } from '@chaperone/api'
import { errorText } from '@chaperone/core'
import type { Logger } from 'pino'
import type { ApprovalGate } from '../approvals/approval-gate.ts'
import type { AuditTrail } from '../engine/audit-trail.ts'
import type { Recorder } from '../engine/engine.ts'
import type { DirectedPolicyHolder } from '../engine/policy-holder.ts'

export interface DirectivePorts {
  readonly policy: DirectedPolicyHolder
  readonly trail: AuditTrail
  readonly recorder: Recorder
  readonly gate: ApprovalGate
  /** Keeps and uses the certificates that the director will be known by. */
  readonly trust: (caBundle: string) => Promise<void>
  readonly onApplied: () => void
  readonly log: Logger
}

/** Carries out what the director says, in the order in which it says it. */
export function createDirectives(ports: DirectivePorts): (event: ControlEvent) => void {
  let last: Promise<void> = Promise.resolve()
  return (event) => {
    last = last
      .then(() => carryOut(ports, event))
      .catch((error: unknown) => ports.log.error({ event: event.type, error: errorText(error) }, 'a directive failed'))
  }
}

async function carryOut(ports: DirectivePorts, event: ControlEvent): Promise<void> {
  switch (event.type) {
    case 'policy':
      return applyPolicy(ports, event)
    case 'unbound':
      ports.policy.apply(event)
      ports.log.warn({ message: event.message }, 'the pod belongs to no session; everything is denied')
      ports.onApplied()
      return record(ports, 'policy.changed', { 'chaperone.message': event.message })
    case 'approval':
      return ports.gate.learn(event.approval)
    case 'trust':
      return ports.trust(event.caBundle)
    case 'ping':
      return
  }
}

/** The log is open before the first policy lets anything pass. */
async function applyPolicy(ports: DirectivePorts, event: Extract<ControlEvent, { type: 'policy' }>): Promise<void> {
  const { policy, trail, log } = ports
  const before = policy.current?.source.hash
  const isFirst = trail.log === undefined
  await trail
    .open(event.policy, event.pod)
    .catch((error: unknown) => log.error({ error: errorText(error) }, 'the audit log cannot be opened'))
  policy.apply(event)
  ports.onApplied()
  const { session, hash, suspended, unresolved } = event.policy
  if (before === hash) return
  log.info({ session: session.name, hash, suspended }, 'policy in force')
  if (isFirst && trail.isNew)
    record(ports, 'session.started', {
      'chaperone.audit.public_key': trail.publicKey,
      'chaperone.session.name': session.name,
    })
  record(ports, 'policy.changed', {
    'chaperone.policy.hash': hash,
    'chaperone.session.suspended': suspended,
    'chaperone.policy.unresolved': unresolved,
  })
}

/** Nothing waits for it: a full log would hold back a suspension that follows. */
function record({ recorder, log }: DirectivePorts, ...[kind, attributes]: Parameters<Recorder['append']>): void {
  recorder
    .append(kind, attributes)
    .catch((error: unknown) => log.error({ kind, error: errorText(error) }, 'a directive was not recorded'))
}
