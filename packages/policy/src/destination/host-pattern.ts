import { canonicalHost, isAddress } from './canonical-host.ts'

/**
 * Whether `host` matches a host pattern: an exact name or IP literal, `*.suffix` for names with one or more labels before
 * it, or `*` for anything.
 */
export function matchesHost(pattern: string, host: string): boolean {
  const canonical = canonicalHost(host)
  return canonical !== undefined && candidatePatterns(canonical).includes(canonicalPattern(pattern))
}

/** A pattern spelled as `candidatePatterns` spells it. */
export function canonicalPattern(pattern: string): string {
  return pattern.startsWith('*') ? pattern.toLowerCase() : (canonicalHost(pattern) ?? pattern)
}

/** The patterns that can match a canonical host, so that rules are found by look-up instead of by search. */
export function candidatePatterns(host: string): string[] {
  const patterns = [host, '*']
  if (isAddress(host)) return patterns
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) patterns.push(`*${host.slice(dot)}`)
  return patterns
}
