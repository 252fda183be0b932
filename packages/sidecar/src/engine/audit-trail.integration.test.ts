import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import pino from 'pino'
import type { EffectivePolicy } from '@chaperone/api'
import { AuditLogFullError } from '@chaperone/audit'
import { systemClock, systemRandom } from '@chaperone/core'
import { createAuditTrail } from './audit-trail.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test('a checkpoint that a full log refused is written once there is room', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'audit-trail-'))
  closers.push(() => rm(directory, { recursive: true }))
  const trail = await createAuditTrail({
    directory,
    // More than the newest segment, which is never deleted.
    maxBytes: 12 << 20,
    sink: { send: () => Promise.resolve({ kind: 'retry', message: 'not yet', afterMs: 60_000 }) },
    serviceAccount: '',
    interception: 'Transparent',
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
  })
  closers.push(() => trail.close(0))
  const session = { name: 'devin', namespace: 'default', uid: 'session-1', agent: 'devin', owner: 'ada' }
  await trail.open({ session } as unknown as EffectivePolicy, { namespace: 'default', name: 'devin-0', uid: 'pod-1' })
  const { log } = trail
  if (log === undefined) throw new Error('the trail is not open')
  const fill = async (): Promise<void> => {
    for (;;) await log.append({ kind: 'request', attributes: {}, body: 'x'.repeat(1 << 20) })
  }
  await expect(fill()).rejects.toThrow(AuditLogFullError)
  const full = log.head.seq
  await expect(trail.checkpoint()).rejects.toThrow(AuditLogFullError)
  log.acknowledge(full)
  await trail.checkpoint()
  expect(await log.read(full, { records: 10, bytes: 10_000 })).toMatchObject([{ seq: full + 1, kind: 'checkpoint' }])
  await trail.checkpoint()
  expect(log.head.seq).toBe(full + 1)
})
