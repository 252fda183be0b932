import { describe, expect, test } from '@jest/globals'
import { kinds, toCrd } from '../index.ts'

type Node = {
  [key: string]: unknown
  properties?: Record<string, Node>
  items?: Node
  description?: string
  type?: string
}

const schemaOf = (crd: ReturnType<typeof toCrd>): Node =>
  (crd as { spec: { versions: { schema: { openAPIV3Schema: Node } }[] } }).spec.versions[0]!.schema.openAPIV3Schema

function visit(node: Node, path: string, see: (node: Node, path: string) => void): void {
  see(node, path)
  for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`, see)
  if (node.items) visit(node.items, `${path}[]`, see)
}

describe.each(kinds.map((kind) => [kind.kind, schemaOf(toCrd(kind))] as const))('%s', (_kind, schema) => {
  test('every field has a description, so that kubectl explain teaches', () => {
    const silent: string[] = []
    visit(schema, '', (node, path) => {
      if (!path.endsWith('[]') && path !== '.metadata' && !node.description) silent.push(path)
    })
    expect(silent).toEqual([])
  })

  test('the schema is structural: every node has a type and no forbidden keyword', () => {
    visit(schema, '', (node, path) => {
      expect([path, typeof node.type]).toEqual([path, 'string'])
      for (const keyword of ['$ref', 'anyOf', 'oneOf', 'patternProperties', 'const', 'definitions'])
        expect(node).not.toHaveProperty([keyword])
    })
  })

  test('every list and text is bounded, so that CEL costs and objects stay small', () => {
    const unbounded: string[] = []
    visit(schema, '', (node, path) => {
      if (!path.startsWith('.spec')) return
      if (node.type === 'array' && node['maxItems'] === undefined) unbounded.push(path)
      if (node.type === 'string' && node['enum'] === undefined && node['maxLength'] === undefined) unbounded.push(path)
    })
    expect(unbounded).toEqual([])
  })
})
