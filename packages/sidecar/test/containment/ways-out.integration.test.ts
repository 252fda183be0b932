import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { comingIn } from './coming-in.ts'
import { guardRules, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import { mustWork } from './must-work.ts'
import { takingOver } from './taking-over.ts'
import { waysOut } from './ways-out.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

const vectors = [...waysOut, ...takingOver, ...comingIn]

/** Some restart the sidecar. */
const vectorMs = 60_000

describe('behind guard and sidecar', () => {
  test.each(vectors)(
    '$name reaches nobody outside',
    async (vector) => expect(await vector.run(pod)).toEqual([]),
    vectorMs,
  )

  test.each(mustWork)('$name', async (vector) => expect(await vector.run(pod)).toEqual([]), vectorMs)
})

describe('without the guard, which shows that these tests can see it', () => {
  beforeAll(() => pod.sandbox.nft('flush ruleset'))
  afterAll(() => pod.sandbox.nft(guardRules))
  test.each(vectors.filter(({ guarded }) => guarded))('$name is seen outside', async (vector) => {
    expect(await vector.run(pod)).not.toEqual([])
  })
})
