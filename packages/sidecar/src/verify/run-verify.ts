import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText, type Clock } from '@chaperone/core'
import type { VerifyConfig } from '../config.ts'
import { writeAtomically } from '../files/write-atomically.ts'
import type { Check, CheckResult } from './checks/check.ts'
import { parseReport, reportPath, type SelfTestReport } from './self-test-report.ts'

export interface VerifyPorts {
  readonly checks: readonly Check[]
  /** Whether the sidecar is there to be met. */
  readonly sidecarListens: () => Promise<boolean>
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  /** Lines for the kubelet, which makes an event of them, the gravest first. */
  readonly write: (line: string) => void
}

interface Finding extends CheckResult {
  readonly name: string
}

/** The kubelet reads 4 KiB of a termination message. */
const maxTerminationMessage = 4096

/** Nothing but `passed` lets an agent start, and nothing but `escaped` is a reason to put the guard up again. */
export type Verdict = 'passed' | 'escaped' | 'unproved'

/**
 * Tries to get out with the privileges of the agent, and tells the kubelet and the sidecar what it found. While the sidecar
 * is away little is proved: a connection that is refused would look the same, had it been refused outside. Nor is anything
 * while it does not answer, which the agent may bring about. What is unproved is not reported, and the last report stands.
 */
export async function runVerify(config: Omit<VerifyConfig, 'firstProcess'>, ports: VerifyPorts): Promise<Verdict> {
  const { checks, sidecarListens, clock, write } = ports
  const caPem = await readFile(join(config.trustDir, 'ca.crt'), 'utf8')
  const findings = await Promise.all(checks.map((check) => runCheck(check, caPem)))
  const verdict = judge(findings, await sidecarListens())
  write(verdict.message)
  for (const { name, contained, unclear, detail } of findings)
    write(`${contained ? 'ok    ' : unclear === true ? 'UNCLEAR' : 'OPEN  '} ${name}: ${detail}`)
  await writeFile(config.terminationLog, verdict.message.slice(0, maxTerminationMessage)).catch(() => undefined)
  if (verdict.kind === 'unproved') return 'unproved'
  const ok = verdict.kind === 'passed'
  if (ok) await untilFindingIsSeen(config.verifyDir, clock)
  const report = JSON.stringify({ ok, message: verdict.message, checkedAt: new Date(clock.now()).toISOString() })
  // Read by the sidecar, which is another user.
  await writeAtomically(reportPath(config.verifyDir), report, 0o644)
  return verdict.kind
}

/** What the findings are worth: pure. */
function judge(findings: readonly Finding[], listens: boolean): { readonly kind: Verdict; readonly message: string } {
  const described = (all: readonly Finding[]) => all.map(({ name, detail }) => `${name} (${detail})`).join('; ')
  const open = findings.filter(({ contained }) => !contained)
  const ways = open.filter(({ unclear, certain }) => unclear !== true && (listens || certain === true))
  if (ways.length > 0)
    return { kind: 'escaped', message: `${ways.length} of ${findings.length} ways out are open: ${described(ways)}` }
  if (open.length === 0) return { kind: 'passed', message: `${findings.length} ways out were tried, none was open` }
  if (!listens) return { kind: 'unproved', message: 'the sidecar does not listen, nothing could be proved' }
  return { kind: 'unproved', message: `the sidecar was not heard of, nothing could be proved: ${described(open)}` }
}

/** A test that has passed says nothing of a sandbox that is made anew, with the volumes of the one before. */
export async function forgetPassedTest(verifyDir: string): Promise<void> {
  if ((await lastReport(verifyDir))?.ok === true) await rm(reportPath(verifyDir))
}

/** The guard is put up again at once; what was found must be seen by the sidecar all the same, and by who watches the status. */
const findingStandsMs = 5000

async function untilFindingIsSeen(verifyDir: string, clock: VerifyPorts['clock']): Promise<void> {
  const last = await lastReport(verifyDir)
  if (last === undefined || last.ok) return
  const ageMs = clock.now() - Date.parse(last.checkedAt)
  if (ageMs >= 0 && ageMs < findingStandsMs) await clock.sleep(findingStandsMs - ageMs)
}

async function lastReport(verifyDir: string): Promise<SelfTestReport | undefined> {
  return parseReport(await readFile(reportPath(verifyDir), 'utf8').catch(() => ''))
}

/** A check that fails to run has proved nothing. */
async function runCheck(check: Check, caPem: string): Promise<Finding> {
  try {
    return { name: check.name, ...(await check.run({ caPem })) }
  } catch (error) {
    return { name: check.name, contained: false, detail: `could not be tried: ${errorText(error)}` }
  }
}
