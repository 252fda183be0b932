import type { MaskingProfile } from '@chaperone/api'
import { compileFieldRules, type FieldRules } from './body/field-rules.ts'
import { anchorsOf } from './detectors/anchors.ts'
import type { Detector, Span } from './detectors/detector.ts'
import { allDetectors } from './detectors/index.ts'
import { compileReplacement, type Replacement } from './strategies/replacement.ts'
import type { Tally } from './tally.ts'

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
  readonly anchors: Anchors
}

/** Bits of detectors/anchors.ts, for who reads bytes: what has none of them is as `text` and `named` would leave it. */
export interface Anchors {
  readonly inText: number
  /** Of those, the ones that matter in a name. */
  readonly inName: number
}

interface Finder {
  readonly detector: Detector
  readonly bit: number
  readonly replacement: Replacement
}

/** `key`: 32 random bytes that belong to one session. Undefined for no profiles: there is nothing to mask. */
export function compileMask(profiles: readonly MaskingProfile[], key: Uint8Array): Mask | undefined {
  const [first] = profiles
  if (first === undefined) return undefined
  const finders = profiles.flatMap((profile): Finder[] => {
    const replacement = compileReplacement(profile.replace, key)
    return allDetectors.flatMap((detector, index) =>
      profile.detect.includes(detector.name) ? [{ detector, bit: 1 << index, replacement }] : [],
    )
  })
  const inText = bitsOf(finders)
  const inName = bitsOf(finders.filter(({ detector }) => detector.named !== undefined))
  const text = (value: string, tally: Tally): string => {
    const anchors = anchorsOf(value) & inText
    return anchors === 0 ? value : replaceFound(value, finders, anchors, tally)
  }
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
      const anchors = name === undefined ? 0 : anchorsOf(name) & inName
      const finder =
        anchors === 0
          ? undefined
          : finders.find(({ bit, detector }) => (bit & anchors) !== 0 && detector.named?.(name ?? '', value) === true)
      if (finder === undefined) return text(value, tally)
      tally.add(finder.detector.name)
      return finder.replacement(value, finder.detector)
    },
    fields: compileFieldRules(profiles.flatMap((profile) => profile.fields)),
    field: replaceWhole(
      profiles.find((profile) => profile.fields.length > 0),
      'Field',
    ),
    columns: profiles.flatMap((profile) => profile.columns.map(parseColumn)),
    column: replaceWhole(
      profiles.find((profile) => profile.columns.length > 0),
      'Column',
    ),
    anchors: { inText, inName },
  }
}

const bitsOf = (finders: readonly Finder[]): number => finders.reduce((bits, { bit }) => bits | bit, 0)

function replaceFound(text: string, finders: readonly Finder[], anchors: number, tally: Tally): string {
  const found: (Span & { readonly finder: Finder })[] = []
  for (const finder of finders) {
    if ((finder.bit & anchors) === 0) continue
    for (const { start, end } of finder.detector.find(text)) found.push({ start, end, finder })
  }
  if (found.length === 0) return text
  if (found.length > 1) found.sort((a, b) => a.start - b.start || b.end - a.end)
  let result = ''
  let at = 0
  for (const { start, end, finder } of found) {
    // Of two that overlap, the first covers its part and the rest of the second is masked with it.
    if (end <= at) continue
    const from = Math.max(start, at)
    result += text.slice(at, from) + finder.replacement(text.slice(from, end), finder.detector)
    tally.add(finder.detector.name)
    at = end
  }
  return result + text.slice(at)
}

function parseColumn(rule: string): ColumnRule {
  const parts = rule.split('.')
  const [schema, table, column] = parts.length === 3 ? parts : ['public', ...parts]
  return { schema: schema ?? '', table: table ?? '', column: column ?? '' }
}
