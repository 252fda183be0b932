import { loadavg } from 'node:os'

/** A figure that a contender gives once a round. */
export type Sample = Readonly<Record<string, number>>

export interface Contender {
  readonly name: string
  readonly measure: () => Promise<Sample>
}

/** One warm-up each, then A B A B …: drift of the machine meets all alike. Medians by contender and figure. */
export async function alternate(contenders: readonly Contender[], rounds: number): Promise<Map<string, Sample>> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  for (const { measure } of contenders) await measure()
  for (let round = 0; round < rounds; round++)
    for (const { name, measure } of contenders) samples.get(name)?.push(await measure())
  return new Map([...samples].map(([name, taken]) => [name, medians(taken)]))
}

function medians(samples: readonly Sample[]): Sample {
  return Object.fromEntries(
    Object.keys(samples[0] ?? {}).map((figure) => [
      figure,
      quantile(
        samples.map((sample) => sample[figure] ?? NaN),
        0.5,
      ),
    ]),
  )
}

export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN
}

const digits = (value: number): string =>
  Number.isNaN(value)
    ? '–'
    : value >= 1000
      ? String(Math.round(value))
      : value >= 10
        ? value.toFixed(1)
        : value.toFixed(3)

/** A table with a ratio of one figure to each contender that `against` names. */
export function report(
  title: string,
  results: ReadonlyMap<string, Sample>,
  ratio?: { readonly figure: string; readonly against: readonly string[] },
): void {
  const figures = Object.keys([...results.values()][0] ?? {})
  const against = ratio?.against ?? []
  const rows = [
    ['', ...figures, ...against.map((name) => `× ${name}`)],
    ...[...results].map(([name, sample]) => [
      name,
      ...figures.map((figure) => digits(sample[figure] ?? NaN)),
      ...against.map((peer) => digits((sample[ratio!.figure] ?? NaN) / (results.get(peer)?.[ratio!.figure] ?? NaN))),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')
  process.stdout.write(`\n${title} (load average ${loadavg()[0]!.toFixed(2)})\n${rows.map(line).join('\n')}\n`)
}
