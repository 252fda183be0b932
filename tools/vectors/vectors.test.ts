import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { groups, vectors } from './vectors.ts'

const root = new URL('../../', import.meta.url)

test('docs/containment.md lists the vectors as the table has them, group by group, with the files that try them', () => {
  const document = readFileSync(new URL('docs/containment.md', root), 'utf8')
  let group = ''
  const listed = document.split('\n').flatMap((line) => {
    group = /^## (.*)/.exec(line)?.[1] ?? group
    const [, name, file] = /^\| (.*?) \| \[.*\]\(\.\.\/(.*)\) \|$/.exec(line) ?? []
    return name === undefined ? [] : [{ group: group.toLowerCase(), name, file }]
  })
  const expected = groups.flatMap((each) => vectors.filter((vector) => vector.group === each))
  expect(listed).toEqual(expected.map(({ group: of, name, file }) => ({ group: of, name, file })))
})

test.each([...new Set(vectors.map(({ file }) => file))])('%s is there', (file) => {
  expect(existsSync(new URL(file, root))).toBe(true)
})

test('no vector is listed twice', () => {
  const names = vectors.map(({ group, name }) => `${group}: ${name}`)
  expect(names).toEqual([...new Set(names)])
})
