/** A node of the parse tree. A field typed `Node *` in C holds its type as its only key: `{"RangeVar": {…}}`. */
export type Node = Readonly<Record<string, unknown>>

/** The words of a list of `String` nodes, such as a qualified name. */
export function wordsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.map((item: { String?: { sval?: string } }) => item.String?.sval ?? '') : []
}
