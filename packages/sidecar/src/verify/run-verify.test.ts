import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createFakeClock, type FakeClock } from '@chaperone/testkit'
import { contained, escaped, met, unclear, type Check, type CheckResult } from './checks/check.ts'
import { runVerify, type Verdict } from './run-verify.ts'
import { parseReport, reportPath, type SelfTestReport } from './self-test-report.ts'

let dir: string
let clock: FakeClock
let isListening: boolean

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'verify-'))
  writeFileSync(join(dir, 'ca.crt'), 'PEM')
  clock = createFakeClock()
  isListening = true
})
afterEach(() => rmSync(dir, { recursive: true }))

const verify = (...results: readonly CheckResult[]): Promise<Verdict> =>
  runVerify(
    { trustDir: dir, verifyDir: dir, terminationLog: join(dir, 'termination-log') },
    {
      checks: results.map((result, index): Check => ({ name: `way ${index}`, run: () => Promise.resolve(result) })),
      sidecarListens: () => Promise.resolve(isListening),
      clock,
      write: () => undefined,
    },
  )
const reported = (): SelfTestReport | undefined => {
  try {
    return parseReport(readFileSync(reportPath(dir), 'utf8'))
  } catch {
    return undefined
  }
}

describe('the verdict', () => {
  test.each<[Verdict, boolean | undefined, readonly CheckResult[]]>([
    ['passed', true, [met('by the sidecar'), contained('not sent')]],
    ['escaped', false, [met('by the sidecar'), escaped('sent')]],
    ['doubtful', undefined, [met('by the sidecar'), unclear('not answered')]],
    ['unproved', undefined, [contained('not sent'), unclear('not answered')]],
  ])('is %s, and the report says %s', async (verdict, ok, results) => {
    expect(await verify(...results)).toBe(verdict)
    expect(reported()?.ok).toBe(ok)
  })

  test('is none while the sidecar is away: what is refused there may have been refused outside', async () => {
    isListening = false
    expect(await verify(escaped('refused'))).toBe('unproved')
    expect(reported()).toBeUndefined()
  })
})

test('a finding stands for five seconds, though the guard is whole again', async () => {
  await verify(escaped('sent'))
  let isDone = false
  const again = verify(contained('not sent')).then(() => (isDone = true))
  await clock.advance(4999)
  expect([isDone, reported()?.ok]).toEqual([false, false])
  await clock.advance(1)
  await again
  expect(reported()?.ok).toBe(true)
})
