// Resident memory: idle, and with 500 connections that each ask once a second.
import { startHttpsStand, type Way } from '../rig/https-stand.ts'
import { report, type Sample } from '../rig/measure.ts'
import { paths } from '../rig/origin.ts'
import { forgetPeak, memoryMiB, sleep } from '../rig/process.ts'

const settleMs = 5000
const connections = 500
const seconds = 20

const stand = await startHttpsStand()
const { mitmproxy, haproxy, chaperone } = stand.ways
const { plain } = paths('item.json')

async function measure({ execute, base, pid }: Way): Promise<Sample> {
  const idle = memoryMiB(pid!)
  forgetPeak(pid!)
  const load = execute('h2load', '--h1', `-c${connections}`, `-D${seconds}`, '--rps=1', base + plain)
  // All are open well before the end.
  await sleep((seconds - 3) * 1000)
  const live = memoryMiB(pid!)
  const out = await load
  const [, failed] = /, (\d+) failed/.exec(out) ?? []
  if (failed !== '0') throw new Error(`h2load: ${out}`)
  return { 'idle MiB': idle, [`${connections} live MiB`]: live, 'peak MiB': memoryMiB(pid!, 'VmHWM') }
}

await sleep(settleMs)
report(
  'resident memory',
  new Map([
    ['haproxy', await measure(haproxy)],
    ['mitmproxy', await measure(mitmproxy)],
    ['chaperone', await measure(chaperone)],
  ]),
)
await stand.stop()
