import type { RuleList } from '@chaperone/api'
import { candidatePatterns, canonicalPattern } from '../destination/host-pattern.ts'
import { compileRule, type CompiledRule } from './compiled-rule.ts'
import { indexRules, type HostRules } from './host-rules.ts'

/** A list of rules indexed by host pattern; the order of the list is kept. */
export interface CompiledList {
  readonly source: string
  readonly all: readonly CompiledRule[]
  /** The rules whose host patterns match a canonical host. */
  at(host: string): HostRules
}

/** The lists of each tier, cluster first. */
export type CompiledTiers = readonly (readonly CompiledList[])[]

/** Hosts whose rules are remembered; agents talk to few, hostile ones to many. */
const maxRememberedHosts = 1024

export function compileList(list: RuleList): CompiledList {
  const all = list.rules.map((rule) => compileRule(list.source, rule))
  const byPattern = indexPatterns(all)
  // Many hosts share one set of rules; there are no more sets than patterns and their overlaps.
  const bySet = new Map<string, HostRules>()
  const remembered = new Map<string, HostRules>()
  return {
    source: list.source,
    all,
    at(host) {
      const known = remembered.get(host)
      if (known !== undefined) return known
      const indexes = [...new Set(candidatePatterns(host).flatMap((pattern) => byPattern.get(pattern) ?? []))]
      indexes.sort((a, b) => a - b)
      const set = indexes.join()
      const rules = bySet.get(set) ?? indexRules(indexes.flatMap((index) => all[index] ?? []))
      bySet.set(set, rules)
      if (remembered.size >= maxRememberedHosts) remembered.clear()
      remembered.set(host, rules)
      return rules
    },
  }
}

function indexPatterns(rules: readonly CompiledRule[]): ReadonlyMap<string, readonly number[]> {
  const byPattern = new Map<string, number[]>()
  for (const [index, { rule }] of rules.entries()) {
    for (const pattern of rule.to.hosts.map(canonicalPattern)) {
      const indexes = byPattern.get(pattern)
      if (indexes === undefined) byPattern.set(pattern, [index])
      else indexes.push(index)
    }
  }
  return byPattern
}
