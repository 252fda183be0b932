import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import { onTheWire } from './on-the-wire.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

/** A client that says nothing is given ten seconds to begin. */
const vectorMs = 30_000

test.each(onTheWire)(
  '$name reaches nobody outside',
  async (vector) => expect(await vector.run(pod)).toEqual([]),
  vectorMs,
)

test('what may pass is seen outside, which shows that these tests can see it', async () => {
  await pod.sandbox.frames()
  await pod.agent.value('page', { host: 'steady.test' })
  expect(await pod.sandbox.frames()).not.toEqual([])
})
