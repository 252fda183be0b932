import type { MaskingProfile } from '@chaperone/api'
import { detectors } from './detectors/index.ts'
import type { Detector, Span } from './detectors/detector.ts'
import { isNamedSecret } from './detectors/secret.ts'
import { compileFieldRules, type FieldRules } from './body/field-rules.ts'
import { compileReplacement, type Replacement } from './strategies/replacement.ts'

/** How often something was masked; never what. */
export interface Finding {
  /** A detector, `Field` or `Column`. */
  readonly detector: string
  readonly count: number
}

/** A column that is masked whatever it holds. */
export interface ColumnRule {
  readonly schema: string
  readonly table: string
  readonly column: string
}

/** Profiles, compiled together. Pure: the same text gives the same result. */
export interface Mask {
  /** Masks what the detectors find; counts go to `tally`. */
  text(value: string, tally: Tally): string
  /** As `text`, for the value of a member called `name`: a name can make a secret of what stands alone as nothing. */
  named(name: string | undefined, value: string, tally: Tally): string
  readonly fields: FieldRules | undefined
  /** What stands for the value of a masked field. */
  field(value: string, tally: Tally): string
  readonly columns: readonly ColumnRule[]
  column(value: string, tally: Tally): string
}

/** Counts of one exchange. */
export interface Tally {
  add(detector: string): void
  readonly total: number
  readonly findings: readonly Finding[]
}

export function createTally(): Tally {
  const counts = new Map<string, number>()
  return {
    add: (detector) => void counts.set(detector, (counts.get(detector) ?? 0) + 1),
    get total() {
      return [...counts.values()].reduce((sum, count) => sum + count, 0)
    },
    get findings() {
      return [...counts].map(([detector, count]) => ({ detector, count }))
    },
  }
}

/** `key`: 32 random bytes that belong to one session. Undefined for no profiles: there is nothing to mask. */
export function compileMask(profiles: readonly MaskingProfile[], key: Uint8Array): Mask | undefined {
  const [first] = profiles
  if (first === undefined) return undefined
  const finders = profiles.flatMap((profile) => {
    const replacement = compileReplacement(profile.replace, key)
    return profile.detect.flatMap((name) => {
      const detector = detectors.get(name)
      return detector === undefined ? [] : [{ detector, replacement }]
    })
  })
  const anchors = new RegExp(finders.map(({ detector }) => `(?:${detector.anchor})`).join('|') || '(?!)')
  const text = (value: string, tally: Tally): string =>
    anchors.test(value) ? replaceFound(value, finders, tally) : value
  const secret = finders.find(({ detector }) => detector.name === 'Secret')
  const fieldProfile = profiles.find((profile) => profile.fields.length > 0)
  const columnProfile = profiles.find((profile) => profile.columns.length > 0)
  const replaceWhole = (profile: MaskingProfile | undefined, name: string) => {
    const replacement = compileReplacement((profile ?? first).replace, key)
    return (value: string, tally: Tally) => {
      tally.add(name)
      return replacement(value, { name, label: name.toLowerCase() })
    }
  }
  return {
    text,
    named(name, value, tally) {
      if (secret === undefined || name === undefined || !isNamedSecret(name, value)) return text(value, tally)
      tally.add(secret.detector.name)
      return secret.replacement(value, secret.detector)
    },
    fields: compileFieldRules(profiles.flatMap((profile) => profile.fields)),
    field: replaceWhole(fieldProfile, 'Field'),
    columns: profiles.flatMap((profile) => profile.columns.map(parseColumn)),
    column: replaceWhole(columnProfile, 'Column'),
  }
}

interface Found extends Span {
  readonly detector: Detector
  readonly replacement: Replacement
}

function replaceFound(
  text: string,
  finders: readonly { detector: Detector; replacement: Replacement }[],
  tally: Tally,
): string {
  const found: Found[] = finders.flatMap(({ detector, replacement }) =>
    detector.find(text).map((span) => ({ ...span, detector, replacement })),
  )
  if (found.length === 0) return text
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  let result = ''
  let at = 0
  for (const { start, end, detector, replacement } of found) {
    // Of two that overlap, the first covers its part and the rest of the second is masked with it.
    if (end <= at) continue
    const from = Math.max(start, at)
    result += text.slice(at, from) + replacement(text.slice(from, end), detector)
    tally.add(detector.name)
    at = end
  }
  return result + text.slice(at)
}

function parseColumn(rule: string): ColumnRule {
  const parts = rule.split('.')
  const [schema, table, column] = parts.length === 3 ? parts : ['public', ...parts]
  return { schema: schema ?? '', table: table ?? '', column: column ?? '' }
}
