import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { limitMemory } from '@chaperone/testkit'
import { comingIn, squatting } from './coming-in.ts'
import { proxyUid, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import type { Vector } from './vector.ts'
import { waysOut } from './ways-out.ts'

/** Every way out, with a sidecar that does not answer. */
const manyWaysMs = 120_000

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

/** What got out, by the name of the way. A refusal may read otherwise in other states; only frames count. */
async function leaksOf(vectors: readonly Vector[]): Promise<Record<string, readonly string[]>> {
  const leaks: Record<string, readonly string[]> = {}
  for (const vector of vectors) {
    const found = (await vector.run(pod)).filter((each) => !each.startsWith('the agent was told'))
    if (found.length > 0) leaks[vector.name] = found
  }
  return leaks
}

const everyWay = [...waysOut, ...comingIn]

describe('with the sidecar killed', () => {
  beforeAll(() => pod.sidecar.kill())
  afterAll(() => pod.sidecar.start(), startTimeoutMs)

  test('TCP is refused at once', async () => {
    const outcome = await pod.agent.call('tcp', { address: '192.0.2.1', port: 443 })
    expect(outcome).toEqual({ kind: 'refused', errno: 'ECONNREFUSED' })
  })

  test('no way leads out', async () => expect(await leaksOf(everyWay)).toEqual({}), manyWaysMs)

  test.each(squatting)(
    '$name reaches nobody outside',
    async (vector) => expect(await vector.run(pod)).toEqual([]),
    startTimeoutMs,
  )
})

test(
  'while the sidecar restarts, no way leads out',
  async () => {
    await pod.sidecar.kill()
    const [, leaks] = await Promise.all([pod.sidecar.start(), leaksOf(everyWay)])
    expect(leaks).toEqual({})
  },
  manyWaysMs,
)

test(
  'while the sidecar is stopped, no way leads out',
  async () => {
    pod.sidecar.signal('SIGSTOP')
    try {
      expect(await leaksOf(everyWay)).toEqual({})
    } finally {
      pod.sidecar.signal('SIGCONT')
    }
  },
  manyWaysMs,
)

test(
  'while the sidecar is out of descriptors, no way leads out, and afterwards it serves',
  async () => {
    const own = [`--reuid=${proxyUid}`, `--regid=${proxyUid}`, '--clear-groups']
    const limit = (...args: readonly string[]): string =>
      execFileSync('setpriv', [...own, 'prlimit', `--pid=${pod.sidecar.pid}`, ...args], { encoding: 'utf8' }).trim()
    const before = limit('--nofile', '--raw', '--noheadings', '--output=SOFT')
    limit('--nofile=8:')
    expect(await leaksOf(everyWay)).toEqual({})
    limit(`--nofile=${before}:`)
    expect(await pod.agent.value('page', { host: 'steady.test' })).toMatch(/outside$/)
  },
  manyWaysMs,
)

/** As much as a few hundred connections take. */
const littleMemory = 4 * 1024 * 1024

test(
  'when the kernel kills the sidecar because it is out of memory, no way leads out, and the next one serves',
  async () => {
    const { pid } = pod.sidecar
    const tidyUp = limitMemory(pid, littleMemory)
    // Some are not met any more.
    await pod.agent.call('hold', { count: 2000 })
    await pod.sidecar.ended()
    expect(await leaksOf([...everyWay, ...squatting])).toEqual({})
    tidyUp()
    await pod.agent.value('release')
    await pod.sidecar.start()
    expect(await pod.agent.value('page', { host: 'steady.test' })).toMatch(/outside$/)
  },
  manyWaysMs,
)

test(
  'with as many connections as the sidecar takes, one more is refused and recorded, and no way leads out',
  async () => {
    await pod.agent.value('hold', { count: 2100 })
    await pod.recorded('connection.blocked', { 'chaperone.reason': 'LimitExceeded' })
    expect(await pod.agent.value('resets')).toBe(2100 - 2048)
    expect(await leaksOf(everyWay)).toEqual({})
    await pod.agent.value('release')
    expect(await pod.agent.value('page', { host: 'steady.test' })).toMatch(/outside$/)
  },
  manyWaysMs,
)
