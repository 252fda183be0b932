// Prints every way out that is tried, by group, with the number of its tests; fails where a way has none. `make vectors`.
import { listTests } from './list-tests.ts'
import { groups, vectors, type Vector } from './vectors.ts'

const tests = await listTests([...new Set(vectors.map(({ file }) => file))])
const namesOf = ({ file, tests: pattern = /(?:)/ }: Vector): string[] =>
  (tests.get(file) ?? []).filter((name) => pattern.test(name))
/** A test that tries two of them is one test. */
const sumOf = (chosen: readonly Vector[]): number =>
  new Set(chosen.flatMap((vector) => namesOf(vector).map((name) => `${vector.file} ${name}`))).size

for (const group of groups) {
  const chosen = vectors.filter((vector) => vector.group === group)
  process.stdout.write(`${group}: ${chosen.length} vectors, ${sumOf(chosen)} tests\n`)
  for (const vector of chosen)
    process.stdout.write(`${String(namesOf(vector).length).padStart(6)}  ${vector.name}  (${vector.file})\n`)
}
process.stdout.write(`all: ${vectors.length} vectors, ${sumOf(vectors)} tests\n`)

const untried = vectors.filter((vector) => namesOf(vector).length === 0)
/** In files that are there for nothing else. */
const unlisted = vectors.flatMap(({ file }) =>
  file.startsWith('packages/sidecar/test/containment/') || file.startsWith('charts/tests/admission')
    ? (tests.get(file) ?? []).filter(
        (name) => !vectors.some((each) => each.file === file && namesOf(each).includes(name)),
      )
    : [],
)
for (const { name } of untried) process.stdout.write(`nothing tries: ${name}\n`)
for (const name of new Set(unlisted)) process.stdout.write(`in no vector: ${name}\n`)
process.exitCode = untried.length === 0 && unlisted.length === 0 ? 0 : 1
