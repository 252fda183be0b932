// Writes crds/*.yaml, the chart's copy and docs/reference.md from the schemas; with --check it only compares and exits 1 on a difference.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { kinds, toCrd, group } from '../src/index.ts'
import { referenceOf } from './reference.ts'

const root = new URL('../../../', import.meta.url)
const targets = ['crds/', 'charts/chaperone/files/crds/']
const check = process.argv.includes('--check')
let stale = 0

for (const kind of kinds) {
  const yaml = `# Generated from packages/api by "make generate". Do not edit.\n${stringify(toCrd(kind), { lineWidth: 0, aliasDuplicateObjects: false })}`
  for (const target of targets) produce(`${target}${group}_${kind.plural}.yaml`, yaml)
}
produce('docs/reference.md', referenceOf(kinds))
process.exitCode = stale === 0 ? 0 : 1

function produce(path: string, content: string): void {
  const file = new URL(path, root)
  if (!check) {
    mkdirSync(new URL('.', file), { recursive: true })
    writeFileSync(file, content)
  } else if (read(file) !== content) {
    process.stderr.write(`stale: ${file.pathname}; run "make generate"\n`)
    stale++
  }
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
