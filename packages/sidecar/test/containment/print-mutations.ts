// Prints, for each thing that could be missing from the rule set, which vectors notice. Needs root; `make mutation`.
// The argument, 1 by default, is for how many of them to look.
import { guardRules, startContainedPod } from './contained-pod.ts'
import { mutantsOf, noticedBy } from './mutations.ts'

/** Vectors that are looked for and named for each. */
const shown = Number(process.argv[2] ?? '1')
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
