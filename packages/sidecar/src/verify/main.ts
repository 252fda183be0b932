#!/usr/bin/env node
// A program of its own: it runs once for every probe of the kubelet, and loads nothing of the sidecar.
import { errorText, systemClock } from '@chaperone/core'
import { parseVerifyConfig, processEnvironment } from '../config.ts'
import { checks } from './checks/index.ts'
import { runVerify } from './run-verify.ts'
import { sidecarListens } from './sidecar-listens.ts'
import { verifyProxy } from './verify-proxy.ts'

const write = (line: string): void => void process.stderr.write(`${line}\n`)

try {
  const { proxy, ...config } = parseVerifyConfig(processEnvironment)
  const isGood =
    proxy === undefined
      ? await runVerify(config, { checks, sidecarListens, clock: systemClock, write })
      : await verifyProxy(config, proxy, write)
  process.exitCode = isGood ? 0 : 1
} catch (error) {
  write(`the self-test could not run: ${errorText(error)}`)
  process.exitCode = 1
}
// A socket that nobody closes must not outlive the verdict.
process.exit()
