import { wordsOf, type Node } from './parse-tree.ts'

/** Objects that are relations themselves. */
const relations = new Set([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_FOREIGN_TABLE',
  'OBJECT_SEQUENCE',
  'OBJECT_INDEX',
])
/** Objects named after the relation they belong to: `relation.column`. */
const partsOfRelations = new Set([
  'OBJECT_COLUMN',
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
])

/** Schema (when written) and name. */
export type RelationName = readonly [schema: string | undefined, name: string]

/** The relations that a statement names as lists of words; most others use RangeVar nodes. */
export function relationsOf(key: string, statement: Node): RelationName[] {
  switch (key) {
    case 'DropStmt':
      return (statement['objects'] as unknown[]).flatMap((object) => relationOf(statement['removeType'], object))
    case 'CommentStmt':
    case 'SecLabelStmt':
    case 'AlterExtensionContentsStmt':
      return relationOf(statement['objtype'], statement['object'])
    default:
      return []
  }
}

function relationOf(type: unknown, object: unknown): RelationName[] {
  if (typeof type !== 'string') return []
  const words = wordsOf((object as { List?: { items?: unknown } }).List?.items)
  if (partsOfRelations.has(type)) words.pop()
  else if (!relations.has(type)) return []
  const name = words.at(-1)
  return name === undefined ? [] : [[words.at(-2), name]]
}
