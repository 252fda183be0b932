import { afterAll, expect, test } from '@jest/globals'
import { guardRules } from './contained-pod.ts'
import { mutantsOf, noticedBy } from './mutations.ts'
import { createPodPool } from './pod-pool.ts'

const pool = createPodPool()
afterAll(() => pool.close())

/** All vectors run where nobody notices. */
const mutantMs = 120_000

// Who notices that something does not work has waited for it: mutants wait side by side, each in a pod of its own.
test.concurrent(
  'nobody finds anything wrong with the rules as they are',
  async () => expect(await pool.lend((pod) => noticedBy(pod, guardRules))).toEqual([]),
  mutantMs,
)

// Parts of lines too, and who notices, are for `make mutation`.
test.concurrent.each(mutantsOf(guardRules).filter(({ whole }) => whole))(
  'somebody notices that this line is missing: $name',
  async ({ rules }) => expect(await pool.lend((pod) => noticedBy(pod, rules, 1))).not.toEqual([]),
  mutantMs,
)
