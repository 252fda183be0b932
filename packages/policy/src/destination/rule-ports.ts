import type { EgressRule } from '@chaperone/api'

const defaultPorts = { HTTP: [80, 443], Postgres: [5432] } as const

/**
 * The ports of a rule; undefined is any port. A rule that allows opens only the usual ports of its protocol unless it says
 * otherwise; one that restricts restricts every port, or else another port would be the way around it.
 */
export function portsOf(rule: EgressRule): readonly number[] | undefined {
  if (rule.to.ports !== undefined) return rule.to.ports
  return rule.action === 'Allow' ? defaultPorts[rule.to.protocol] : undefined
}
