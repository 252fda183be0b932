// A result of 100,000 rows with four columns of text, two of them masked: time, and whether memory stays flat.
import { startDatabaseStand, type DatabaseWay } from '../rig/database-stand.ts'
import { alternate, report, type Sample } from '../rig/measure.ts'
import { pgbench } from '../rig/pgbench.ts'
import { forgetPeak, memoryMiB } from '../rig/process.ts'

const rounds = 5
const rows = 100_000

const stand = await startDatabaseStand(['people.email', 'people.phone'])
const { direct, pgbouncer, chaperone } = stand.ways
await direct.execute(
  '/usr/lib/postgresql/15/bin/psql',
  '-qc',
  `create table people as select 'Ada Example ' || n as name, 'user' || n || '@customer.example' as email,
     '+49 30 ' || (1000000 + n) as phone, 'Blue street ' || n || ', 10115 Berlin' as address
   from generate_series(1, ${rows}) n; analyze people`,
  ...direct.connection,
)
const script = stand.script('select * from people')

async function measure(way: DatabaseWay): Promise<Sample> {
  const { pid } = way
  if (pid !== undefined) forgetPeak(pid)
  const { ms } = await pgbench(way, { script, clients: 1, protocol: 'simple', transactions: 3 })
  return {
    'rows/s': (rows * 1000) / ms,
    'result ms': ms,
    'peak MiB': pid === undefined ? NaN : memoryMiB(pid, 'VmHWM'),
  }
}

const results = await alternate(
  [
    { name: 'direct', measure: () => measure(direct) },
    { name: 'pgbouncer', measure: () => measure(pgbouncer) },
    { name: 'chaperone, two columns masked', measure: () => measure(chaperone) },
  ],
  rounds,
)
report('a result of 100,000 rows', results, { figure: 'rows/s', against: ['direct', 'pgbouncer'] })
await stand.stop()
