#!/usr/bin/env node
// A program of its own: the kubelet runs it once for every test, and it loads nothing of the sidecar.
//   verify.mjs         before the agent starts: waits for guard and sidecar; unless the test has passed, the container ends
//   verify.mjs again   later: ends with 1 when there is reason to put the guard up again, which the kubelet does
import { errorText, systemClock } from '@chaperone/core'
import { sidecarPorts } from '@chaperone/guard'
import { parseVerifyConfig, processEnvironment, type VerifyConfig } from '../config.ts'
import { checks } from './checks/index.ts'
import { endContainer, firstProcessIs } from './first-process.ts'
import { forgetPassedTest, runVerify, type Verdict } from './run-verify.ts'
import { listensOnLoopback } from './sidecar-listens.ts'
import { verifyFirst } from './verify-first.ts'
import { verifyProxy } from './verify-proxy.ts'

const clock = systemClock
const write = (line: string): void => void process.stderr.write(`${line}\n`)

async function verify({ proxy, firstProcess, ...config }: VerifyConfig, isAgain: boolean): Promise<Verdict> {
  const sidecarListens = () => listensOnLoopback(proxy === undefined ? sidecarPorts.transparent : sidecarPorts.proxy)
  const test = () =>
    proxy === undefined
      ? runVerify(config, { checks, sidecarListens, clock, write })
      : verifyProxy(config, proxy, write)
  if (isAgain) return test()
  await forgetPassedTest(config.verifyDir)
  return verifyFirst({ test, guardIsUp: () => firstProcessIs(firstProcess), sidecarListens, clock, write })
}

try {
  const isAgain = process.argv[2] === 'again'
  const config = parseVerifyConfig(processEnvironment)
  const verdict = await verify(config, isAgain)
  const isGood = verdict === 'passed' || (isAgain && verdict === 'unproved')
  if (!isGood && !isAgain) await endContainer(config.firstProcess)
  process.exitCode = isGood ? 0 : 1
} catch (error) {
  write(`the self-test could not run: ${errorText(error)}`)
  process.exitCode = 1
}
// A socket that nobody closes must not outlive the verdict.
process.exit()
