// New TLS connections: full handshakes a second with a request each, and the first sight of a name.
import { join } from 'node:path'
import { startHttpsStand, type Way } from '../rig/https-stand.ts'
import { wrk } from '../rig/load.ts'
import { alternate, report, type Sample } from '../rig/measure.ts'
import { paths } from '../rig/origin.ts'
import { cpuSeconds } from '../rig/process.ts'

const rounds = 5
const seconds = 5
const names = 200

const stand = await startHttpsStand()
const { haproxy, chaperone } = stand.ways

async function measure({ execute, base, pid }: Way): Promise<Sample> {
  const before = cpuSeconds(pid!)
  const perSecond = await wrk(execute, base + paths('item.json').plain, {
    connections: 16,
    seconds,
    headers: ['connection: close'],
  })
  const busy = cpuSeconds(pid!) - before
  return { 'connections/core-s': (perSecond * seconds) / busy, 'connections/s': perSecond, 'core busy': busy / seconds }
}

const results = await alternate(
  [
    { name: 'haproxy', measure: () => measure(haproxy) },
    { name: 'chaperone', measure: () => measure(chaperone) },
  ],
  rounds,
)
report('new TLS connections, certificate known', results, { figure: 'connections/core-s', against: ['haproxy'] })

const handshakes = join(import.meta.dirname, '../rig/handshakes.ts')
const out = await stand.chaperone.execute(process.execPath, handshakes, String(stand.origin.port), String(names))
const { first, again } = JSON.parse(out) as Record<'first' | 'again', Sample>
report(
  `TLS handshake as the client sees it, ${names} names`,
  new Map([
    ['first sight', first],
    ['again', again],
  ]),
)
await stand.stop()
