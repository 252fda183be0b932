import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { createFakeClock, type FakeClock } from '@chaperone/testkit'
import { openContainment, uncontained, type Containment } from './containment.ts'
import { reportPath } from './self-test-report.ts'

const periodMs = 300_000
let verifyDir: string
let clock: FakeClock
let containment: Containment

const open = (dir: string | undefined = verifyDir): Containment =>
  openContainment({ verifyDir: dir, periodMs }, { clock, log: pino({ level: 'silent' }) })
const report = (ok: boolean, message = 'as found'): void =>
  writeFileSync(reportPath(verifyDir), JSON.stringify({ ok, message, checkedAt: new Date(clock.now()).toISOString() }))

beforeEach(() => {
  verifyDir = mkdtempSync(join(tmpdir(), 'verify-'))
  clock = createFakeClock()
  containment = open()
})
afterEach(() => {
  containment.close()
  rmSync(verifyDir, { recursive: true })
})

describe('a pod', () => {
  test('is refused everything until the first report, and nothing from that moment on', () => {
    expect(containment.current).toMatchObject({ ok: false, reason: 'NotReported' })
    expect(containment.isRefusing).toBe(true)
    report(true)
    expect(containment.isRefusing).toBe(false)
    expect(containment.current).toMatchObject({ ok: true, reason: 'Verified', message: 'as found' })
  })

  test('is refused everything a second after a report of a way out, and nothing once a test has passed again', async () => {
    report(true)
    expect(containment.isRefusing).toBe(false)
    report(false, 'UDP is open')
    await clock.advance(1000)
    expect(containment.isRefusing).toBe(true)
    expect(containment.current).toEqual({
      ok: false,
      reason: 'EscapeFound',
      message: 'UDP is open',
      checkedAt: new Date(clock.now() - 1000).toISOString(),
    })
    report(true)
    expect(containment.isRefusing).toBe(false)
  })

  test('without a test for three periods is refused everything', async () => {
    report(true)
    await clock.advance(3 * periodMs)
    expect(containment.isRefusing).toBe(false)
    await clock.advance(1000)
    expect(containment.isRefusing).toBe(true)
    expect(containment.current).toMatchObject({ reason: 'CheckOverdue', message: 'no self-test for more than 900 s' })
  })

  test.each([
    '',
    '{',
    '{"ok":true}',
    '{"ok":"true","message":"","checkedAt":"2026-01-01T00:00:00Z"}',
    '{"ok":true,"message":"","checkedAt":"soon"}',
  ])('with a report that is none is refused everything: %s', (text) => {
    writeFileSync(reportPath(verifyDir), text)
    expect(containment.isRefusing).toBe(true)
    expect(containment.current).toMatchObject({ ok: false, reason: 'NotReported' })
  })

  test('is known to be contained at once when its sidecar starts again', () => {
    report(true)
    const again = open()
    expect(again.current).toMatchObject({ ok: true, reason: 'Verified' })
    again.close()
  })

  test('in which no test runs is refused nothing, and not known to be contained', () => {
    const unchecked = openContainment({ verifyDir: undefined, periodMs }, { clock, log: pino({ level: 'silent' }) })
    expect([unchecked.isRefusing, unchecked.current.reason]).toEqual([false, 'NotReported'])
  })
})

test('a pod without a guard is refused nothing for the want of a test, and never contained', () => {
  expect([uncontained.isRefusing, uncontained.current.ok, uncontained.current.reason]).toEqual([
    false,
    false,
    'ProxyMode',
  ])
})

test('who listens is told of another reason and of another finding, and not of one test more', async () => {
  const told: string[] = []
  containment.onChange(({ reason, message }) => told.push(`${reason}: ${message ?? ''}`))
  for (const [ok, message] of [
    [true, 'none'],
    [true, 'none'],
    [false, 'UDP is open'],
    [false, 'ICMP is open'],
    [true, 'none'],
  ] as const) {
    report(ok, message)
    await clock.advance(1000)
  }
  expect(told).toEqual(['Verified: none', 'EscapeFound: UDP is open', 'EscapeFound: ICMP is open', 'Verified: none'])
})
