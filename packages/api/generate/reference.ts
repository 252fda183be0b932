import { toCrd, group, version, type Kind } from '../src/index.ts'

interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
}

/** docs/reference.md: every field of every kind, from the schemas. */
export function referenceOf(kinds: readonly Kind[]): string {
  const parts = kinds.map((kind) => {
    const crd = toCrd(kind) as { spec: { versions: { schema: { openAPIV3Schema: Node } }[] } }
    const schema = crd.spec.versions[0]?.schema.openAPIV3Schema ?? {}
    const rows = ['spec', 'status'].flatMap((name) => rowsOf(schema.properties?.[name] ?? {}, name, name === 'spec'))
    return `## ${kind.kind}\n\n${kind.description} (\`${group}/${version}\`, short name \`${kind.shortNames.join(', ')}\`)\n\n| field | type | |\n|---|---|---|\n${rows.join('')}`
  })
  return `# Reference\n\nGenerated from packages/api by "make generate". Do not edit.\n\n${parts.join('\n')}`
}

function rowsOf(node: Node, path: string, required: boolean): string[] {
  const item = node.items
  const values = node.enum ?? item?.enum
  const type = `${item === undefined ? (node.type ?? '') : `[]${item.type ?? ''}`}${required && node.default === undefined ? ', required' : ''}`
  const notes = [
    node.description ?? '',
    values === undefined ? '' : `One of ${values.map((value) => `\`${value}\``).join(', ')}.`,
    node.default === undefined || typeof node.default === 'object'
      ? ''
      : `Default \`${JSON.stringify(node.default)}\`.`,
  ]
  const text = notes
    .filter((note) => note !== '')
    .join(' ')
    .replaceAll('|', '\\|')
  const children = Object.entries(node.properties ?? item?.properties ?? {})
  const needed = node.required ?? item?.required ?? []
  const prefix = item === undefined ? path : `${path}[]`
  return [
    `| \`${path}\` | ${type} | ${text} |\n`,
    ...children.flatMap(([name, child]) => rowsOf(child, `${prefix}.${name}`, needed.includes(name))),
  ]
}
