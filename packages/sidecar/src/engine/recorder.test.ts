import { expect, test } from '@jest/globals'
import pino from 'pino'
import { AuditLogFullError, type AuditDraft, type AuditLog } from '@chaperone/audit'
import { createFakeClock } from '@chaperone/testkit'
import type { AuditTrail } from './audit-trail.ts'
import { createCounters } from './counters.ts'
import type { PolicyHolder } from './engine.ts'
import { createRecorder } from './recorder.ts'

/** A recorder over a log that is full whenever the test says so. */
const setUp = (onUnavailable: 'Block' | 'Continue') => {
  const written: AuditDraft[] = []
  const log = { isFull: false }
  const append: AuditLog['append'] = (draft) => {
    if (log.isFull) return Promise.reject(new AuditLogFullError(1))
    written.push(draft)
    return Promise.resolve({ seq: written.length } as Awaited<ReturnType<AuditLog['append']>>)
  }
  const clock = createFakeClock()
  const recorder = createRecorder({
    trail: { log: { append } } as unknown as AuditTrail,
    policy: { current: { source: { audit: { onUnavailable } } } } as unknown as PolicyHolder,
    counters: createCounters(),
    clock,
    log: pino({ level: 'silent' }),
  })
  return { recorder, log, written, clock }
}

test('with Block a full log slows what is to be recorded, then refuses it', async () => {
  const { recorder, log, written, clock } = setUp('Block')
  log.isFull = true
  const refused = expect(recorder.append('request', {})).rejects.toThrow('the audit log takes nothing more')
  await clock.advance(2100)
  await refused
  const waiting = recorder.append('request', {})
  log.isFull = false
  await clock.advance(100)
  expect(await waiting).toBe(1)
  expect(written.map(({ kind }) => kind)).toEqual(['request'])
})

test('with Continue every record that fell into a gap is counted, however many at once', async () => {
  const { recorder, log, written } = setUp('Continue')
  log.isFull = true
  for (let round = 0; round < 3; round++)
    expect(await Promise.all([1, 2, 3].map(() => recorder.append('request', {})))).toEqual([0, 0, 0])
  log.isFull = false
  await recorder.append('request', {})
  expect(written).toMatchObject([
    { kind: 'audit.gap', attributes: { 'chaperone.gap.records': 9 } },
    { kind: 'request' },
  ])
})
