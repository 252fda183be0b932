import type { EgressRule } from '@chaperone/api'

const defaultPorts = { HTTP: [80, 443], Postgres: [5432] } as const

/** The ports of a rule. */
export function portsOf(rule: EgressRule): readonly number[] {
  return rule.to.ports ?? defaultPorts[rule.to.protocol]
}
