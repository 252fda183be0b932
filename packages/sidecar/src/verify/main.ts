#!/usr/bin/env node
// A program of its own: the kubelet runs it once for every test, and it loads nothing of the sidecar.
//   verify.mjs         before the agent starts: waits for guard and sidecar; unless the test has passed, the container ends
//   verify.mjs again   later: ends with 1 when there is reason to put the guard up again, which the kubelet does
import { errorText, systemClock } from '@chaperone/core'
import { sidecarPorts } from '@chaperone/guard'
import { parseVerifyConfig, processEnvironment } from '../config.ts'
import { checks } from './checks/index.ts'
import { endContainer, firstProcessIs } from './first-process.ts'
import { forgetPassedTest, runVerify, type Verdict } from './run-verify.ts'
import { listensOnLoopback } from './sidecar-listens.ts'
import { verifyFirst } from './verify-first.ts'
import { verifyProxy } from './verify-proxy.ts'

const clock = systemClock
const write = (line: string): void => void process.stderr.write(`${line}\n`)

async function verify(isAgain: boolean): Promise<Verdict> {
  const { proxy, firstProcess, ...config } = parseVerifyConfig(processEnvironment)
  const sidecarListens = () => listensOnLoopback(proxy === undefined ? sidecarPorts.transparent : sidecarPorts.proxy)
  const test = () =>
    proxy === undefined
      ? runVerify(config, { checks, sidecarListens, clock, write })
      : verifyProxy(config, proxy, write)
  if (isAgain) return test()
  await forgetPassedTest(config.verifyDir)
  return verifyFirst({ test, guardIsUp: () => firstProcessIs(firstProcess), sidecarListens, clock, write })
}

const isAgain = process.argv[2] === 'again'
const verdict = await verify(isAgain).catch((error: unknown): Verdict => {
  write(`the self-test could not run: ${errorText(error)}`)
  return 'unproved'
})
const isGood = verdict === 'passed' || (isAgain && verdict === 'unproved')
if (!isGood && !isAgain) await endContainer()
// A socket that nobody closes must not outlive the verdict.
process.exit(isGood ? 0 : 1)
