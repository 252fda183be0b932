import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../..', import.meta.url))
const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', '--no-warnings']
/** No test has such a name, so that none runs and all are listed. */
const nothing = '^(?!)'

interface Listing {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly fullName: string }[]
  }[]
}

/** The names of the tests of these files, by file; paths are from the root of the repository. */
export async function listTests(files: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const directory = await mkdtemp(join(tmpdir(), 'vectors-'))
  try {
    const output = join(directory, 'tests.json')
    const jest = [...options, join(root, 'node_modules/jest/bin/jest.js'), '--selectProjects', 'unit', 'integration']
    const listing = ['--runTestsByPath', ...files, '--testNamePattern', nothing, '--json', '--outputFile', output]
    await promisify(execFile)(process.execPath, [...jest, ...listing], { cwd: root, maxBuffer: 64 * 1024 * 1024 })
    const { testResults } = JSON.parse(await readFile(output, 'utf8')) as Listing
    return new Map(
      testResults.map(({ name, assertionResults }) => [
        relative(root, name),
        assertionResults.map(({ fullName }) => fullName),
      ]),
    )
  } finally {
    await rm(directory, { recursive: true })
  }
}
