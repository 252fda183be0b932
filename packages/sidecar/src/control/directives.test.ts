import { expect, test } from '@jest/globals'
import pino from 'pino'
import type { ControlEvent, EffectivePolicy } from '@chaperone/api'
import type { ApprovalGate } from '../approvals/approval-gate.ts'
import type { AuditTrail } from '../engine/audit-trail.ts'
import type { DirectedPolicyHolder } from '../engine/policy-holder.ts'
import { createDirectives } from './directives.ts'

test('a log that takes nothing holds back no directive', async () => {
  const applied: string[] = []
  const recorded: string[] = []
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const carryOut = createDirectives({
    policy: { apply: (event: ControlEvent) => applied.push(event.type) } as unknown as DirectedPolicyHolder,
    trail: { log: undefined, isNew: true, publicKey: '', open: () => Promise.resolve() } as unknown as AuditTrail,
    recorder: {
      append(kind) {
        recorded.push(kind)
        return new Promise(() => undefined)
      },
    },
    gate: { learn: () => resolve() } as unknown as ApprovalGate,
    trust: () => Promise.resolve(),
    onApplied: () => undefined,
    log: pino({ level: 'silent' }),
  })
  const policy = {
    session: { name: 'devin' },
    hash: 'a',
    suspended: false,
    unresolved: [],
  } as unknown as EffectivePolicy
  carryOut({ type: 'policy', policy, pod: { namespace: 'default', name: 'devin-0', uid: 'pod-1' } })
  carryOut({ type: 'unbound', message: 'the session was deleted' })
  carryOut({ type: 'approval' } as unknown as ControlEvent)
  await done
  expect(applied).toEqual(['policy', 'unbound'])
  expect(recorded).toEqual(['session.started', 'policy.changed', 'policy.changed'])
})
