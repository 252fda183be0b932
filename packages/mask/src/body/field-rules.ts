/** Which JSON fields are masked whatever they hold; arrays on the way are transparent. */
export interface FieldRules {
  /** Whether a path that ends in `name` can match. */
  endsIn(name: string): boolean
  /** The names from the root down. */
  matches(path: readonly string[]): boolean
}

/** `$.customer.ssn` is a path from the root, `*.password` a path at any depth; `*` stands for any one name. */
export function compileFieldRules(rules: readonly string[]): FieldRules | undefined {
  if (rules.length === 0) return undefined
  const compiled = rules.map((rule) => ({ anchored: rule.startsWith('$.'), names: rule.slice(2).split('.') }))
  const last = new Set(compiled.map(({ names }) => names.at(-1) ?? ''))
  return {
    endsIn: (name) => last.has(name) || last.has('*'),
    matches: (path) =>
      compiled.some(({ anchored, names }) => {
        if (anchored ? path.length !== names.length : path.length < names.length) return false
        const offset = path.length - names.length
        return names.every((name, index) => name === '*' || name === path[offset + index])
      }),
  }
}
