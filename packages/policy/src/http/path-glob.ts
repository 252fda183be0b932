import { decodeUnreserved } from './normalise-path.ts'
import { looseSegments, type PathReadings } from './path-readings.ts'

export type PathMatcher = (path: PathReadings) => boolean

/**
 * A path glob: `*` stands for any characters of one segment, alone for at least one; `**` as a segment for any number of
 * segments, also none. An Allow rule reads the path exactly. Deny and Approve also read it loosely, so that what a liberal
 * server takes for the same route does not slip past them.
 */
export function compilePathGlob(glob: string, reading: 'exact' | 'loose'): PathMatcher {
  const exact = compileSegments(globSegments(glob))
  if (reading === 'exact') return (path) => matchesRuns(exact, path.exact)
  const loose = compileSegments(looseSegments(glob))
  return (path) => matchesRuns(loose, path.loose) || matchesRuns(exact, path.exact)
}

/** The segments of a glob, spelled as `normalisePath` spells paths. */
export function globSegments(glob: string): string[] {
  return (decodeUnreserved(glob) ?? glob).slice(1).split('/')
}

type SegmentMatcher = string | ((segment: string) => boolean)

/** The segments between one `**` and the next; the first run starts the path, the last one ends it. */
type Runs = readonly (readonly SegmentMatcher[])[]

function compileSegments(segments: readonly string[]): Runs {
  const runs: SegmentMatcher[][] = [[]]
  for (const segment of segments) {
    if (segment === '**') runs.push([])
    else runs.at(-1)?.push(compileSegment(segment))
  }
  return runs
}

function matchesRuns(runs: Runs, segments: readonly string[]): boolean {
  const first = runs[0] ?? []
  if (!matchesAt(first, segments, 0)) return false
  if (runs.length === 1) return segments.length === first.length
  const last = runs.at(-1) ?? []
  const end = segments.length - last.length
  let position = first.length
  // The leftmost place of a run is always good: it leaves the most for those that follow.
  for (let index = 1; index < runs.length - 1; index++) {
    const run = runs[index] ?? []
    while (position + run.length <= end && !matchesAt(run, segments, position)) position++
    position += run.length
  }
  return position <= end && matchesAt(last, segments, end)
}

function matchesAt(run: readonly SegmentMatcher[], segments: readonly string[], start: number): boolean {
  if (start + run.length > segments.length) return false
  for (let index = 0; index < run.length; index++) {
    const matcher = run[index]
    const segment = segments[start + index] ?? ''
    if (typeof matcher === 'string' ? matcher !== segment : matcher?.(segment) !== true) return false
  }
  return true
}

function compileSegment(pattern: string): SegmentMatcher {
  if (!pattern.includes('*')) return pattern
  const pieces = pattern.split(/\*+/)
  const first = pieces[0] ?? ''
  const last = pieces.at(-1) ?? ''
  const middle = pieces.slice(1, -1)
  if (first === '' && last === '' && middle.length === 0) return (segment) => segment !== ''
  return (segment) => {
    if (segment.length < first.length + last.length || !segment.startsWith(first) || !segment.endsWith(last))
      return false
    const end = segment.length - last.length
    let position = first.length
    for (const piece of middle) {
      const found = segment.indexOf(piece, position)
      if (found === -1 || found + piece.length > end) return false
      position = found + piece.length
    }
    return true
  }
}
