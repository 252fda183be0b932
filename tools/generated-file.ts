// A file that is made from sources: `--check` on the command line only compares it, and makes the program exit with 1 when it is stale.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const check = process.argv.includes('--check')

/** `path` is relative to the root of the repository. */
export function generatedFile(path: string, content: string): void {
  const file = new URL(path, root)
  if (!check) {
    mkdirSync(new URL('.', file), { recursive: true })
    writeFileSync(file, content)
  } else if (read(file) !== content) {
    process.stderr.write(`stale: ${file.pathname}; run "make generate"\n`)
    process.exitCode = 1
  }
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
