import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { guardRules, startContainedPod, startTimeoutMs, type ContainedPod } from './contained-pod.ts'
import { mutantsOf, noticedBy } from './mutations.ts'

let pod: ContainedPod
beforeAll(async () => {
  pod = await startContainedPod()
}, startTimeoutMs)
afterAll(() => pod.close())

/** All vectors run where nobody notices. */
const mutantMs = 120_000

test(
  'nobody finds anything wrong with the rules as they are',
  async () => {
    expect(await noticedBy(pod, guardRules)).toEqual([])
  },
  mutantMs,
)

// Parts of lines too, and who notices, are for `make mutation`.
test.each(mutantsOf(guardRules).filter(({ whole }) => whole))(
  'somebody notices that this line is missing: $name',
  async ({ rules }) => expect(await noticedBy(pod, rules, 1)).not.toEqual([]),
  mutantMs,
)
