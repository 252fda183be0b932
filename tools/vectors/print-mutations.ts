// Prints, for each thing that could be missing from the guard's rules and from the admission policies, who gets out or in. Needs
// root; `make mutation`. The argument, 1 by default, is for how many vectors to look for each piece of the guard.
import { mutants as admissionMutants, ruleOf, startAdmissionServer } from '../../charts/tests/admission-server.ts'
import { guardRules, startContainedPod } from '../../packages/sidecar/test/containment/contained-pod.ts'
import { mutantsOf, noticedBy } from '../../packages/sidecar/test/containment/mutations.ts'

const shown = Number(process.argv[2] ?? '1')
let missed = 0

function print(name: string, noticed: readonly string[]): void {
  if (noticed.length === 0) missed += 1
  process.stdout.write(
    `${name}\n${(noticed.length === 0 ? ['NOBODY NOTICES'] : noticed).map((each) => `    ${each}\n`).join('')}`,
  )
}

process.stdout.write('# the guard: what is missing, and which vector notices\n')
const pod = await startContainedPod()
for (const { name, rules } of mutantsOf(guardRules)) print(name, await noticedBy(pod, rules, shown))
await pod.close()

process.stdout.write('# admission: the rule that is missing, and what is admitted\n')
const server = await startAdmissionServer()
for (const mutant of admissionMutants) {
  const admitted = await server.admittedWithout(mutant)
  print(ruleOf(mutant), admitted === undefined ? [] : [admitted])
}
await server.stop()

process.stdout.write(missed === 0 ? 'somebody notices each of them\n' : `nobody notices ${missed} of them\n`)
process.exitCode = missed === 0 ? 0 : 1
