/** One path in the two ways that rules read it. */
export interface PathReadings {
  /** Segments of the normalised path. */
  readonly exact: readonly string[]
  /** Segments as the most liberal server would see them; the same array when there is no difference. */
  readonly loose: readonly string[]
}

/** `path` is normalised (see `normalisePath`). */
export function readPath(path: string): PathReadings {
  const exact = path.slice(1).split('/')
  return { exact, loose: looksTheSame.test(path) ? exact : looseSegments(path) }
}

/** Nothing that `looseSegments` would change; a final slash is. */
const looksTheSame = /^(?:\/[^%;A-Z/]+)+$/

/**
 * What frameworks take for the same route: escapes decoded, also of slashes; parameters (`;v=1`) dropped; letter case,
 * repeated and final slashes ignored.
 */
export function looseSegments(path: string): string[] {
  return decode(path)
    .toLowerCase()
    .split('/')
    .map((segment) => segment.split(';', 1)[0] ?? '')
    .filter((segment) => segment !== '')
}

function decode(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
