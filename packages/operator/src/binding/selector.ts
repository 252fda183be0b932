import type { AgentSessionSpec } from '@chaperone/api'

/** Whether a label selector matches (metav1.LabelSelector). An absent or empty selector matches nothing here: a session must name its pods. */
export function selects(selector: AgentSessionSpec['selector'], labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector?.matchLabels ?? {})
  const expressions = selector?.matchExpressions ?? []
  if (wanted.length === 0 && expressions.length === 0) return false
  return (
    wanted.every(([key, value]) => labels[key] === value) &&
    expressions.every((expression) => matches(expression, labels[expression.key]))
  )
}

type Expression = NonNullable<NonNullable<AgentSessionSpec['selector']>['matchExpressions']>[number]

function matches({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}
