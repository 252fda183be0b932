// Prints, for each thing that could be missing from the rule set, which vectors notice. Needs root; `make mutation`.
import { guardRules, startContainedPod } from './contained-pod.ts'
import { mutantsOf, noticedBy } from './mutations.ts'

/** Vectors that are named for each; who only breaks one is tried with all of them. */
const shown = 3
const pod = await startContainedPod()
let missed = 0
for (const { name, rules } of mutantsOf(guardRules)) {
  const noticed = await noticedBy(pod, rules, shown)
  if (noticed.length === 0) missed += 1
  process.stdout.write(
    `${name}\n${(noticed.length === 0 ? ['NOBODY NOTICES'] : noticed).map((each) => `    ${each}\n`).join('')}`,
  )
}
await pod.close()
process.stdout.write(missed === 0 ? 'somebody notices each of them\n' : `nobody notices ${missed} of them\n`)
process.exitCode = missed === 0 ? 0 : 1
