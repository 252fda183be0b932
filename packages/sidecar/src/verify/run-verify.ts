import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText, type Clock } from '@chaperone/core'
import type { VerifyConfig } from '../config.ts'
import { writeAtomically } from '../files/write-atomically.ts'
import type { Check, CheckResult } from './checks/check.ts'
import { parseReport, reportPath } from './self-test-report.ts'

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

/**
 * Nothing but `passed` lets an agent start. `escaped` and `doubtful` are reasons to put the guard up again: a way out is open, or
 * something was not heard of a sidecar that is there. `unproved` is none: the sidecar is away, or too busy for all of it.
 */
export type Verdict = 'passed' | 'escaped' | 'doubtful' | 'unproved'

/**
 * Tries to get out with the privileges of the agent, and tells the kubelet and the sidecar what it found. While the sidecar
 * is away nothing is proved and nothing reported: a connection that is refused would look the same, had it been refused
 * outside. Nor is anything while it does not answer, which the agent may bring about.
 */
export async function runVerify(config: VerifyConfig, ports: VerifyPorts): Promise<Verdict> {
  const { checks, sidecarListens, clock, write } = ports
  const caPem = await readFile(join(config.trustDir, 'ca.crt'), 'utf8')
  const findings = await Promise.all(checks.map((check) => runCheck(check, caPem)))
  const { ok, message } = summarise(findings)
  const hasEscaped = findings.some(({ contained, unclear }) => !contained && unclear !== true)
  const isProved = ok || (hasEscaped && (await sidecarListens()))
  const said = isProved ? message : await unprovedMessage(findings, sidecarListens)
  write(said)
  for (const { name, contained, unclear, detail } of findings)
    write(`${contained ? 'ok    ' : unclear === true ? 'UNCLEAR' : 'OPEN  '} ${name}: ${detail}`)
  await writeFile(config.terminationLog, said.slice(0, maxTerminationMessage)).catch(() => undefined)
  if (!isProved) return findings.some(({ met }) => met) ? 'doubtful' : 'unproved'
  if (ok) await untilFindingIsSeen(config.verifyDir, clock)
  const report = JSON.stringify({ ok, message, checkedAt: new Date(clock.now()).toISOString() })
  // Read by the sidecar, which is another user.
  await writeAtomically(reportPath(config.verifyDir), report, 0o644)
  return ok ? 'passed' : 'escaped'
}

/** The guard is put up again at once; what was found must be seen by the sidecar all the same, and by who watches the status. */
const findingStandsMs = 5000

async function untilFindingIsSeen(verifyDir: string, clock: VerifyPorts['clock']): Promise<void> {
  const last = parseReport(await readFile(reportPath(verifyDir), 'utf8').catch(() => ''))
  if (last === undefined || last.ok) return
  const ageMs = clock.now() - Date.parse(last.checkedAt)
  if (ageMs >= 0 && ageMs < findingStandsMs) await clock.sleep(findingStandsMs - ageMs)
}

async function unprovedMessage(
  findings: readonly Finding[],
  sidecarListens: VerifyPorts['sidecarListens'],
): Promise<string> {
  if (!(await sidecarListens())) return 'the sidecar does not listen, nothing could be proved'
  const names = findings.filter(({ unclear }) => unclear === true).map(({ name, detail }) => `${name} (${detail})`)
  return `the sidecar was not heard of, nothing could be proved: ${names.join('; ')}`
}

/** A check that fails to run has proved nothing. */
async function runCheck(check: Check, caPem: string): Promise<Finding> {
  try {
    return { name: check.name, ...(await check.run({ caPem })) }
  } catch (error) {
    return { name: check.name, contained: false, detail: `could not be tried: ${errorText(error)}` }
  }
}

function summarise(findings: readonly Finding[]): { readonly ok: boolean; readonly message: string } {
  const ways = findings.filter((finding) => !finding.contained).map((finding) => `${finding.name} (${finding.detail})`)
  return ways.length === 0
    ? { ok: true, message: `${findings.length} ways out were tried, none was open` }
    : { ok: false, message: `${ways.length} of ${findings.length} ways out are open: ${ways.join('; ')}` }
}
