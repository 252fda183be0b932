// Writes crds/*.yaml, the chart's copy and docs/reference.md from the schemas; with --check it only compares and exits 1 on a difference.
import { stringify } from 'yaml'
import { generatedFile } from '../../../tools/generated-file.ts'
import { kinds, toCrd, group } from '../src/index.ts'
import { referenceOf } from './reference.ts'

for (const kind of kinds) {
  const yaml = `# Generated from packages/api by "make generate". Do not edit.\n${stringify(toCrd(kind), { lineWidth: 0, aliasDuplicateObjects: false })}`
  for (const target of ['crds/', 'charts/chaperone/files/crds/'])
    generatedFile(`${target}${group}_${kind.plural}.yaml`, yaml)
}
generatedFile('docs/reference.md', referenceOf(kinds))
