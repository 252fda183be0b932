import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantile } from './measure.ts'

/** Runs a program where the clients of a contender are: on the load core, inside a sandbox or not. */
export type Execute = (command: string, ...args: readonly string[]) => Promise<string>

export interface Load {
  readonly connections: number
  readonly seconds: number
  readonly headers?: readonly string[]
}

/** Requests a second; an answer that is no success, or a broken connection, is an error of the bench. */
export async function wrk(
  execute: Execute,
  url: string,
  { connections, seconds, headers = [] }: Load,
): Promise<number> {
  const out = await execute(
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    ...headers.flatMap((header) => ['-H', header]),
    url,
  )
  const [, errors] = /Socket errors: (.*)/.exec(out) ?? []
  const refused = /Non-2xx.*/.exec(out)?.[0]
  if (refused !== undefined || (errors !== undefined && !/^connect 0, read 0, write 0, timeout 0$/.test(errors)))
    throw new Error(`wrk ${url}: ${refused ?? errors ?? ''}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1])
}

/** Milliseconds of each request at a fixed rate. */
export async function latencies(
  execute: Execute,
  url: string,
  { connections, seconds, perSecond }: Load & { readonly perSecond: number },
): Promise<{ readonly p50: number; readonly p99: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'chaperone-bench-'))
  const log = join(directory, 'requests')
  const rate = String(perSecond / connections)
  try {
    await execute('h2load', '--h1', `-c${connections}`, `-D${seconds}`, `--rps=${rate}`, `--log-file=${log}`, url)
    const rows = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').map(Number))
    const failed = rows.filter(([, status]) => status !== 200).length
    if (failed > 0) throw new Error(`h2load ${url}: ${failed} of ${rows.length} requests failed`)
    const times = rows.map(([, , microseconds = NaN]) => microseconds / 1000)
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
