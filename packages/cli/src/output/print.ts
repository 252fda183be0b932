import { stringify } from 'yaml'
import { UsageError } from '../errors.ts'

export const formats = ['table', 'wide', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

export function parseFormat(value: string): Format {
  const format = formats.find((candidate) => candidate === value)
  if (format === undefined) throw new UsageError(`-o: expected one of ${formats.join(', ')}; given "${value}"`)
  return format
}

/** Data for machines as it is, for people as `text` makes it. */
export function render(format: Format, data: unknown, text: (wide: boolean) => string): string {
  if (format === 'json') return `${JSON.stringify(data, null, 2)}\n`
  return format === 'yaml' ? stringify(data) : text(format === 'wide')
}
