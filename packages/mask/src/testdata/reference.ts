import type { MaskingProfile } from '@chaperone/api'
import { allDetectors } from '../detectors/index.ts'
import { compileReplacement } from '../strategies/replacement.ts'

/** Masking as simply as it can be said, without anchors, streams or bytes: what the fast ways must be equal to. */
export interface Reference {
  text(text: string): string
  json(text: string): string
}

export function createReference(profile: MaskingProfile, key: Uint8Array): Reference {
  const replacement = compileReplacement(profile.replace, key)
  const chosen = allDetectors.filter(({ name }) => profile.detect.includes(name))
  const rules = profile.fields.map((rule) => ({ root: rule.startsWith('$'), names: rule.slice(2).split('.') }))

  const text = (value: string): string => {
    const spans = chosen
      .flatMap((detector) => detector.find(value).map((span) => ({ ...span, detector })))
      .sort((a, b) => a.start - b.start || b.end - a.end)
    let result = ''
    let at = 0
    for (const { start, end, detector } of spans) {
      if (end <= at) continue
      const from = Math.max(start, at)
      result += value.slice(at, from) + replacement(value.slice(from, end), detector)
      at = end
    }
    return result + value.slice(at)
  }

  const isField = (path: readonly string[]): boolean =>
    rules.some(({ root, names }) => {
      const tail = path.slice(-names.length)
      return (
        tail.length === names.length &&
        (!root || path.length === names.length) &&
        names.every((name, index) => name === '*' || name === tail[index])
      )
    })

  const whole = (value: string): string => JSON.stringify(replacement(value, { name: 'Field', label: 'field' }))

  /** The value at `at`: its text, masked, and where it ends. */
  const value = (source: string, at: number, path: readonly string[], masked: boolean): [string, number] => {
    const space = /[ \t\r\n]*/y
    const skip = (): string => {
      space.lastIndex = at
      const found = space.exec(source)?.[0] ?? ''
      at += found.length
      return found
    }
    const token = /"(?:[^"\\]|\\.)*"|[^[\]{},:"\s]+/y
    const take = (): string => {
      token.lastIndex = at
      const found = token.exec(source)?.[0] ?? ''
      at += found.length
      return found
    }
    let out = skip()
    const first = source.charAt(at)
    if (first === '[' || first === '{') {
      out += first
      at++
      for (;;) {
        out += skip()
        if (source.charAt(at) === (first === '[' ? ']' : '}')) return [out + source.charAt(at), at + 1]
        if (source.charAt(at) === ',') {
          out += ','
          at++
          out += skip()
        }
        let below = path
        if (first === '{') {
          const literal = take()
          const name = JSON.parse(literal) as string
          below = [...path, name]
          out += (text(name) === name ? literal : JSON.stringify(text(name))) + skip() + ':'
          at++
        }
        const hides = masked || (first === '{' && isField(below))
        const [inner, end] = value(source, at, below, hides)
        out += inner
        at = end
      }
    }
    const literal = take()
    if (literal === 'null') return [out + literal, at]
    const isString = literal.startsWith('"')
    const content = isString ? (JSON.parse(literal) as string) : literal
    if (masked) return [out + whole(content), at]
    const name = path.at(-1)
    const named =
      isString && name !== undefined ? chosen.find((detector) => detector.named?.(name, content) === true) : undefined
    const result = named === undefined ? text(content) : replacement(content, named)
    return [out + (result === content ? literal : JSON.stringify(result)), at]
  }

  return { text, json: (source) => value(source, 0, [], false)[0] + (/[ \t\r\n]*$/.exec(source)?.[0] ?? '') }
}
