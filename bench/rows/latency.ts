// Latency that the sidecar adds at a quiet 500 requests a second, warm, over HTTPS.
import { startHttpsStand, type Way } from '../rig/https-stand.ts'
import { latencies } from '../rig/load.ts'
import { alternate, report } from '../rig/measure.ts'
import { paths } from '../rig/origin.ts'

const rounds = 5
const load = { connections: 10, perSecond: 500, seconds: 10 }

const stand = await startHttpsStand()
const { direct, haproxy, chaperone } = stand.ways
const { plain, masked } = paths('item.json')

const measure =
  ({ execute, base }: Way, path: string) =>
  async () => {
    const { p50, p99 } = await latencies(execute, base + path, load)
    return { 'p50 ms': p50, 'p99 ms': p99 }
  }

const results = await alternate(
  [
    { name: 'direct', measure: measure(direct, plain) },
    { name: 'haproxy', measure: measure(haproxy, plain) },
    { name: 'chaperone', measure: measure(chaperone, plain) },
    { name: 'chaperone, masked and recorded', measure: measure(chaperone, masked) },
  ],
  rounds,
)
const { 'p50 ms': p50 = NaN, 'p99 ms': p99 = NaN } = results.get('direct') ?? {}
report(
  'latency at 500 requests a second',
  new Map(
    [...results].map(([name, sample]) => [
      name,
      { ...sample, 'added p50 ms': sample['p50 ms']! - p50, 'added p99 ms': sample['p99 ms']! - p99 },
    ]),
  ),
)
await stand.stop()
