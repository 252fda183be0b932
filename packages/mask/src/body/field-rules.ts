/** Which JSON fields are masked whatever they hold; arrays on the way are transparent. */
export interface FieldRules {
  matches(path: readonly string[]): boolean
}

/** `$.customer.ssn` is a path from the root, `*.password` a path at any depth; `*` stands for any one name. */
export function compileFieldRules(rules: readonly string[]): FieldRules | undefined {
  if (rules.length === 0) return undefined
  const compiled = rules.map((rule) => ({ anchored: rule.startsWith('$.'), names: rule.slice(2).split('.') }))
  return {
    matches: (path) =>
      compiled.some(({ anchored, names }) => {
        if (anchored ? path.length !== names.length : path.length < names.length) return false
        const offset = path.length - names.length
        return names.every((name, index) => name === '*' || name === path[offset + index])
      }),
  }
}
