import { Type, type Static } from 'typebox'
import { enumeration, listMap, object } from './schema.ts'
import { count, dateTime } from './scalars.ts'

const condition = object(
  {
    type: Type.String({ maxLength: 63, description: 'Kind of condition.' }),
    status: enumeration(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
    observedGeneration: Type.Optional(count('Generation that was judged.')),
    lastTransitionTime: dateTime('When status last changed.'),
    reason: Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: '^[A-Za-z]+$',
      description: 'Why, as one CamelCase word.',
    }),
    message: Type.String({ maxLength: 1024, description: 'Why, for people.' }),
  },
  { description: 'metav1.Condition.' },
)

export type Condition = Static<typeof condition>

export const conditions = Type.Array(condition, {
  maxItems: 16,
  ...listMap('type'),
  description: 'Current state, one entry a condition.',
})
