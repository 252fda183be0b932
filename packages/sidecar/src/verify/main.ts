#!/usr/bin/env node
// A program of its own: it runs once for every probe of the kubelet, and loads nothing of the sidecar.
import { errorText, systemClock } from '@chaperone/core'
import { parseVerifyConfig, processEnvironment } from '../config.ts'
import { checks } from './checks/index.ts'
import { runVerify } from './run-verify.ts'
import { sidecarListens } from './sidecar-listens.ts'

const write = (line: string): void => void process.stderr.write(`${line}\n`)

try {
  const config = parseVerifyConfig(processEnvironment)
  process.exitCode = (await runVerify(config, { checks, sidecarListens, clock: systemClock, write })) ? 0 : 1
} catch (error) {
  write(`the self-test could not run: ${errorText(error)}`)
  process.exitCode = 1
}
// A socket that nobody closes must not outlive the verdict.
process.exit()
