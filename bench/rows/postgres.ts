// `select 1` by the extended protocol from 16 clients: parsed, judged and recorded one by one.
import { startDatabaseStand, type DatabaseWay } from '../rig/database-stand.ts'
import { alternate, report, type Sample } from '../rig/measure.ts'
import { pgbench } from '../rig/pgbench.ts'
import { cpuSeconds } from '../rig/process.ts'

const rounds = 5
const seconds = 5

const stand = await startDatabaseStand()
const script = stand.script('select 1')

async function measure(way: DatabaseWay): Promise<Sample> {
  const { pid } = way
  const before = pid === undefined ? 0 : cpuSeconds(pid)
  const { perSecond, ms } = await pgbench(way, { script, clients: 16, protocol: 'extended', seconds })
  const busy = pid === undefined ? NaN : cpuSeconds(pid) - before
  return {
    'queries/core-s': (perSecond * seconds) / busy,
    'queries/s': perSecond,
    'mean ms': ms,
    'core busy': busy / seconds,
  }
}

const results = await alternate(
  (['direct', 'pgbouncer', 'chaperone'] as const).map((name) => ({ name, measure: () => measure(stand.ways[name]) })),
  rounds,
)
report('select 1, extended protocol, 16 clients', results, { figure: 'queries/core-s', against: ['pgbouncer'] })
await stand.stop()
