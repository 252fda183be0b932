import { Type } from 'typebox'
import { group, version, type Kind } from '../kinds/kind.ts'

type Node = Record<string, unknown>

/**
 * The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind: structural schema, status subresource, printer
 * columns. What JSON Schema says and a structural schema may not is translated here and nowhere else.
 */
export function toCrd(kind: Kind): Node {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${kind.plural}.${group}`,
      labels: { 'app.kubernetes.io/name': 'chaperone' },
      annotations: { 'helm.sh/resource-policy': 'keep' },
    },
    spec: {
      group,
      scope: kind.scope,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ['chaperone'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns.map((column) => ({ ...column })),
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: kind.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string', description: `${group}/${version}` },
                kind: { type: 'string', description: kind.kind },
                metadata: { type: 'object' },
                spec: structural(plain(kind.spec)),
                status: structural(plain(kind.status)),
              },
            },
          },
        },
      ],
    },
  }
}

/** TypeBox schemas carry symbols and hidden members; JSON does not. */
function plain(schema: object): Node {
  return JSON.parse(JSON.stringify(schema)) as Node
}

function structural(node: Node): Node {
  const { additionalProperties: _closed, patternProperties, properties, required, items, ...rest } = node
  const out: Node = { ...rest }
  if (patternProperties !== undefined)
    out['additionalProperties'] = structural(Object.values(patternProperties as Node)[0] as Node)
  if (items !== undefined) out['items'] = structural(items as Node)
  if (properties !== undefined) {
    out['properties'] = Object.fromEntries(
      Object.entries(properties as Record<string, Node>).map(([name, child]) => [name, structural(child)]),
    )
    // A field with a default is never missing: the API server fills it in before it validates.
    const needed = ((required ?? []) as string[]).filter(
      (name) => (properties as Record<string, Node>)[name]?.['default'] === undefined,
    )
    if (needed.length > 0) out['required'] = needed
  }
  return out
}

/** The schema of a whole resource, for validation without an API server. */
export function resourceSchema(kind: Kind) {
  return Type.Object(
    {
      apiVersion: Type.Literal(`${group}/${version}`),
      kind: Type.Literal(kind.kind),
      metadata: Type.Object({ name: Type.String({ minLength: 1 }) }),
      spec: kind.spec,
      status: Type.Optional(Type.Any()),
    },
    { additionalProperties: false },
  )
}
