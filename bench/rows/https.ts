// Requests a second and core: HTTPS on both sides, keep-alive, 1 KiB of JSON.
import { startHttpsStand, type Way } from '../rig/https-stand.ts'
import { wrk } from '../rig/load.ts'
import { alternate, report, type Sample } from '../rig/measure.ts'
import { paths } from '../rig/origin.ts'
import { cpuSeconds } from '../rig/process.ts'

const rounds = 5
const seconds = 5
const connections = 32

const stand = await startHttpsStand()
const { haproxy, mitmproxy, chaperone } = stand.ways
const { plain, masked } = paths('item.json')

/** A core that is not busy all the time, or is lent to somebody else, is made up for by counting its seconds. */
async function measure({ execute, base, pid }: Way, path: string): Promise<Sample> {
  const before = cpuSeconds(pid!)
  const perSecond = await wrk(execute, base + path, { connections, seconds })
  const busy = cpuSeconds(pid!) - before
  return { 'requests/core-s': (perSecond * seconds) / busy, 'requests/s': perSecond, 'core busy': busy / seconds }
}

const results = await alternate(
  [
    { name: 'haproxy', measure: () => measure(haproxy, plain) },
    { name: 'chaperone', measure: () => measure(chaperone, plain) },
    { name: 'chaperone, masked and recorded', measure: () => measure(chaperone, masked) },
    { name: 'mitmproxy', measure: () => measure(mitmproxy, plain) },
  ],
  rounds,
)
report('HTTPS, keep-alive, 1 KiB', results, { figure: 'requests/core-s', against: ['haproxy', 'mitmproxy'] })
await stand.stop()
