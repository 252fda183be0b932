/** Whether `host` (lower case, no trailing dot) matches a host pattern: exact, `*.suffix` with one or more labels, or `*`. */
export function matchesHost(pattern: string, host: string): boolean {
  if (pattern === '*') return true
  if (pattern.startsWith('*.')) return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1))
  return pattern === host
}

/** The patterns that can match `host`, so that rules are found by look-up instead of by search. */
export function candidatePatterns(host: string): string[] {
  const patterns = [host, '*']
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) patterns.push(`*${host.slice(dot)}`)
  return patterns
}
