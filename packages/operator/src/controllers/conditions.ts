import { canonicalJson, type Json } from '@chaperone/core'
import type { Condition } from '@chaperone/api'

/** The conditions with one set; `lastTransitionTime` moves only when its status does (metav1.Condition). */
export function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): Condition[] {
  const present = conditions.find((condition) => condition.type === next.type)
  const lastTransitionTime =
    present?.status === next.status ? present.lastTransitionTime : new Date(nowMs).toISOString()
  const condition = { ...next, message: next.message.slice(0, 1024), lastTransitionTime }
  return present === undefined
    ? [...conditions, condition]
    : conditions.map((each) => (each.type === next.type ? condition : each))
}

/** Whether two statuses say the same; the API server sorts members as it likes. */
export function isSame(a: object, b: object | undefined): boolean {
  return b !== undefined && canonicalJson(a as Json) === canonicalJson(b as Json)
}
