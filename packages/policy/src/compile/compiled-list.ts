import type { RuleList } from '@chaperone/api'
import { candidatePatterns } from '../destination/host-pattern.ts'
import { compileRule, type CompiledRule } from './compiled-rule.ts'

/** A list of rules indexed by host pattern; the order of the list is kept. */
export interface CompiledList {
  readonly source: string
  readonly all: readonly CompiledRule[]
  /** The rules whose host patterns match, in list order. */
  at(host: string): readonly CompiledRule[]
}

/** Hosts whose rule sets are remembered; agents talk to few, hostile ones to many. */
const maxRememberedHosts = 1024

export function compileList(list: RuleList): CompiledList {
  const all = list.rules.map((rule) => compileRule(list.source, rule))
  const byPattern = new Map<string, number[]>()
  for (const [index, compiled] of all.entries()) {
    for (const pattern of compiled.rule.to.hosts) byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), index])
  }
  const remembered = new Map<string, readonly CompiledRule[]>()
  return {
    source: list.source,
    all,
    at(host) {
      const known = remembered.get(host)
      if (known !== undefined) return known
      const indexes = new Set(candidatePatterns(host).flatMap((pattern) => byPattern.get(pattern) ?? []))
      const found = [...indexes].sort((a, b) => a - b).flatMap((index) => all[index] ?? [])
      if (remembered.size >= maxRememberedHosts) remembered.clear()
      remembered.set(host, found)
      return found
    },
  }
}
