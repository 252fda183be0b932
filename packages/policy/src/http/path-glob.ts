/** A path glob compiled to segments: `*` matches within one segment, `**` any number of segments. */
export type PathGlob = readonly string[]

export function compilePathGlob(glob: string): PathGlob {
  return glob.slice(1).split('/')
}

/** Linear in the path for each `**`: the last one seen is the only one worth going back to. */
export function matchesPath(glob: PathGlob, path: string): boolean {
  const segments = path.slice(1).split('/')
  let g = 0
  let s = 0
  let retryGlob = -1
  let retrySegment = 0
  while (s < segments.length) {
    const part = glob[g]
    if (part === '**') {
      retryGlob = ++g
      retrySegment = s
    } else if (part !== undefined && matchesSegment(part, segments[s] ?? '')) {
      g++
      s++
    } else if (retryGlob !== -1) {
      g = retryGlob
      s = ++retrySegment
    } else return false
  }
  while (glob[g] === '**') g++
  return g === glob.length
}

function matchesSegment(pattern: string, segment: string): boolean {
  if (!pattern.includes('*')) return pattern === segment
  let p = 0
  let s = 0
  let star = -1
  let mark = 0
  while (s < segment.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = s
    } else if (pattern[p] === segment[s]) {
      p++
      s++
    } else if (star !== -1) {
      p = star + 1
      s = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}
