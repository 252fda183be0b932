// Runs rows one after the other, each in a process of its own on the load core: node bench/main.ts [ROW]...
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'

const rows = [
  'https',
  'latency',
  'memory',
  'start',
  'approval',
  'bulk',
  'connections',
  'postgres',
  'postgres-rows',
  'policy',
  'masking',
]

/** Rows that need the e2e cluster, and run only when they are named. */
const clusterRows = ['pod-start']

const chosen = process.argv.slice(2)
const known = [...rows, ...clusterRows]
const unknown = chosen.filter((name) => !known.includes(name))
if (unknown.length > 0) throw new Error(`unknown row ${unknown.join(', ')}: expected some of ${known.join(', ')}`)
if (cpus().length < 2) throw new Error('needs two cores: one for what is measured, one for load and origin')

process.stdout.write(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, Linux ${release()}, Node ${process.versions.node}, load average ${loadavg()[0]?.toFixed(2) ?? ''}\n`,
)
let running: ChildProcess | undefined
// The row ends what it has started; a terminal tells it by itself.
process.once('SIGTERM', () => {
  running?.kill('SIGTERM')
  process.exit(130)
})
for (const name of chosen.length > 0 ? chosen : rows) {
  running = spawn('taskset', ['-c', '1', process.execPath, join(import.meta.dirname, 'rows', `${name}.ts`)], {
    stdio: 'inherit',
  })
  const [code] = (await once(running, 'exit')) as [number | null]
  if (code !== 0) {
    process.stderr.write(`${name}: ended with ${code ?? 'a signal'}\n`)
    process.exitCode = 1
  }
}
