import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '@chaperone/core'
import type { VerifyConfig } from '../config.ts'
import { checks as allChecks } from './checks/index.ts'
import { elsewhere, type Check, type CheckResult } from './checks/check.ts'
import { connected, secured } from './checks/redirected-tcp.ts'
import type { ContainmentReport } from './containment.ts'

interface Finding extends CheckResult {
  readonly name: string
}

const reportTimeoutMs = 5000
/** The kubelet reads 4 KiB of a termination message. */
const maxTerminationMessage = 4096

/**
 * Tries to get out with the privileges of the agent, and tells a person, the kubelet and the sidecar what it found.
 * Resolves with whether nothing got out.
 */
export async function runVerify(
  config: VerifyConfig,
  write: (line: string) => void,
  checks: readonly Check[] = allChecks,
): Promise<boolean> {
  const caPem = await readFile(join(config.trustDir, 'ca.crt'), 'utf8')
  const findings = await Promise.all(checks.map((check) => runCheck(check, caPem)))
  for (const { name, contained, detail } of findings) write(`${contained ? 'ok    ' : 'ESCAPE'} ${name}: ${detail}`)
  const report = summarise(findings)
  write(report.message)
  await writeFile(config.terminationLog, report.message.slice(0, maxTerminationMessage)).catch(() => undefined)
  await tellSidecar(report, caPem).catch((error: unknown) => write(`the sidecar was not told: ${errorText(error)}`))
  return report.ok
}

/** A check that fails to run has proved nothing. */
async function runCheck(check: Check, caPem: string): Promise<Finding> {
  try {
    return { name: check.name, ...(await check.run({ caPem })) }
  } catch (error) {
    return { name: check.name, contained: false, detail: `could not be tried: ${errorText(error)}` }
  }
}

function summarise(findings: readonly Finding[]): ContainmentReport {
  const ways = findings.filter((finding) => !finding.contained).map((finding) => `${finding.name} (${finding.detail})`)
  return ways.length === 0
    ? { ok: true, message: `${findings.length} ways out were tried, none was open` }
    : { ok: false, message: `${ways.length} of ${findings.length} ways out are open: ${ways.join('; ')}` }
}

/** Any address leads to the sidecar; if none does, there is nobody to tell. */
async function tellSidecar(report: ContainmentReport, caPem: string): Promise<void> {
  const socket = await connected(elsewhere.v4, 443).catch(() => connected(elsewhere.v6, 443))
  const tls = await secured(socket, caPem)
  tls.write(`${JSON.stringify(report)}\n`)
  await once(tls, 'data', { signal: AbortSignal.timeout(reportTimeoutMs) }).finally(() => tls.destroy())
}
