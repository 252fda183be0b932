import type { DatabaseWay } from './database-stand.ts'

export interface PgbenchOptions {
  readonly script: string
  readonly clients: number
  readonly protocol: 'simple' | 'extended'
  /** Either so long, or so many transactions of each client. */
  readonly seconds?: number
  readonly transactions?: number
}

/** Transactions a second, and the mean of their milliseconds; a failed one is an error of the bench. */
export async function pgbench(
  { execute, connection }: DatabaseWay,
  { script, clients, protocol, seconds, transactions }: PgbenchOptions,
): Promise<{ readonly perSecond: number; readonly ms: number }> {
  const length = seconds === undefined ? ['-t', String(transactions)] : ['-T', String(seconds)]
  const out = await execute(
    '/usr/lib/postgresql/15/bin/pgbench',
    ...['-n', '-M', protocol, '-c', String(clients), '-f', script, ...length, ...connection],
  )
  const [, failed] = /number of failed transactions: (\d+)/.exec(out) ?? []
  const [, perSecond] = /^tps = ([\d.]+)/m.exec(out) ?? []
  const [, ms] = /^latency average = ([\d.]+) ms/m.exec(out) ?? []
  if (failed !== '0' || perSecond === undefined || ms === undefined) throw new Error(`pgbench: ${out}`)
  return { perSecond: Number(perSecond), ms: Number(ms) }
}
