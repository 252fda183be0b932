import { globSegments } from './path-glob.ts'
import { looseSegments, type PathReadings } from './path-readings.ts'

/** Segments that a key holds at most; longer prefixes are told apart by matching. */
const maxKeySegments = 8

/**
 * Keys by which a rule with path globs is found: a path that matches a glob starts with the segments before its first star.
 * Paths and globs that share no key cannot match.
 */
export function globKeys(globs: readonly string[], reading: 'exact' | 'loose'): string[] {
  const keys = globs.flatMap((glob) => {
    const exact = keyOf('exact', literalPrefix(globSegments(glob)))
    return reading === 'exact' ? [exact] : [exact, keyOf('loose', literalPrefix(looseSegments(glob)))]
  })
  return [...new Set(keys)]
}

/** The keys of every prefix of a path, in both readings. */
export function pathKeys({ exact, loose }: PathReadings): string[] {
  return [...prefixKeys('exact', exact), ...prefixKeys('loose', loose)]
}

function literalPrefix(segments: readonly string[]): readonly string[] {
  const star = segments.findIndex((segment) => segment.includes('*'))
  return (star === -1 ? segments : segments.slice(0, star)).slice(0, maxKeySegments)
}

function keyOf(reading: string, segments: readonly string[]): string {
  return [reading, ...segments].join('/')
}

function prefixKeys(reading: string, segments: readonly string[]): string[] {
  const keys = [reading]
  const length = Math.min(segments.length, maxKeySegments)
  let key = reading
  for (let index = 0; index < length; index++) {
    key += `/${segments[index] ?? ''}`
    keys.push(key)
  }
  return keys
}
