import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { guardRules, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import { takingOver } from './taking-over.ts'
import { waysOut } from './ways-out.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

describe('taking over what the sidecar leaves behind', () => {
  test.each(takingOver)('$name reaches nobody outside', async (way) => {
    expect(await way.run(pod)).toEqual([])
  })
})

describe('behind guard and sidecar', () => {
  test.each(waysOut)('$name reaches nobody outside', async (way) => {
    expect(await way.run(pod)).toEqual([])
  })
})

describe('without the guard, which shows that these tests can see it', () => {
  beforeAll(() => pod.sandbox.nft('flush ruleset'))
  afterAll(() => pod.sandbox.nft(guardRules))
  test.each(waysOut.filter(({ guarded }) => guarded))('$name is seen outside', async (way) => {
    expect(await way.run(pod)).not.toEqual([])
  })
})
