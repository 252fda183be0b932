import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createFakeClock, type FakeClock } from '@chaperone/testkit'
import { contained, escaped, sent, unclear, type Check, type CheckResult } from './checks/check.ts'
import { forgetPassedTest, runVerify, type Verdict } from './run-verify.ts'
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
    ['passed', true, [contained('met by the sidecar'), contained('not sent')]],
    ['escaped', false, [contained('met by the sidecar'), escaped('met by somebody else')]],
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

  test('is the worst all the same where something was sent to nobody, and names that alone', async () => {
    isListening = false
    expect(await verify(escaped('refused'), unclear('not answered'), sent('datagrams were sent'))).toBe('escaped')
    expect(reported()).toMatchObject({ ok: false, message: '1 of 3 ways out are open: way 2 (datagrams were sent)' })
  })
})

describe('before the first test of a container', () => {
  test('one that has passed is forgotten, and one that has failed is not', async () => {
    await verify(contained('not sent'))
    await forgetPassedTest(dir)
    expect(reported()).toBeUndefined()
    await verify(sent('datagrams were sent'))
    await forgetPassedTest(dir)
    expect(reported()?.ok).toBe(false)
  })
})

test('a finding stands for five seconds, though the guard is whole again', async () => {
  await verify(sent('datagrams were sent'))
  let isDone = false
  const again = verify(contained('not sent')).then(() => (isDone = true))
  await clock.advance(4999)
  expect([isDone, reported()?.ok]).toEqual([false, false])
  await clock.advance(1)
  await again
  expect(reported()?.ok).toBe(true)
})
