// A package may depend only on packages of an earlier row: this table is the architecture.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'

const rows = [['core'], ['api', 'wire', 'guard'], ['policy', 'mask', 'audit'], ['kube'], ['sidecar', 'operator', 'cli']]
const developmentOnly = ['testkit']
const packages = new URL('../packages/', import.meta.url)

interface Manifest {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

const manifest = (name: string): Manifest =>
  JSON.parse(readFileSync(new URL(`${name}/package.json`, packages), 'utf8')) as Manifest
const ours = (dependencies: Record<string, string> = {}): string[] =>
  Object.keys(dependencies).flatMap((name) =>
    name.startsWith('@chaperone/') ? [name.slice('@chaperone/'.length)] : [],
  )

test('every package has a row', () => {
  expect(readdirSync(packages).sort()).toEqual([...rows.flat(), ...developmentOnly].sort())
})

test.each(rows.flatMap((row, index) => row.map((name) => [name, rows.slice(0, index).flat()] as const)))(
  '%s depends only on earlier rows',
  (name, earlier) => {
    expect(ours(manifest(name).dependencies).filter((dependency) => !earlier.includes(dependency))).toEqual([])
    expect(ours(manifest(name).devDependencies).filter((dependency) => !developmentOnly.includes(dependency))).toEqual(
      [],
    )
  },
)

test('every dependency outside the workspace is pinned to one version', () => {
  const loose = readdirSync(packages).flatMap((name) =>
    Object.entries({ ...manifest(name).dependencies, ...manifest(name).devDependencies }).filter(
      ([, range]) => !/^(workspace:\*|\d+\.\d+\.\d+)$/.test(range),
    ),
  )
  expect(loose).toEqual([])
})

test('nothing but packages/kube imports the Kubernetes client', () => {
  const importers = readdirSync(packages).filter(
    (name) => '@kubernetes/client-node' in (manifest(name).dependencies ?? {}),
  )
  expect(importers).toEqual(['kube'])
})
